vcl 4.1;

# Varnish in front of Onair, as a proxy that caches. varnishd -a :80 -f /etc/varnish/onair.vcl -s malloc,2g
# Why each line is there: docs/caching.md.

backend onair {
    .host = "127.0.0.1";
    .port = "8080";
    # A reload of a low-latency playlist waits for the next part; after three target durations Onair gives up itself.
    .first_byte_timeout = 35s;
    .between_bytes_timeout = 15s;
}

sub vcl_recv {
    # Nothing of Onair looks at cookies, and with one Varnish would not cache.
    unset req.http.Cookie;
    # Only what is the same for everybody is cached; the pages of the server and its figures are not worth it.
    if (req.url !~ "^/(hls|dash|media|assets)/") {
        return (pass);
    }
}

sub vcl_backend_response {
    # Onair says how long each answer may be kept. Beyond that it is not shown, not even while a new one is fetched.
    set beresp.grace = 0s;
    set beresp.keep = 0s;
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    } else {
        set resp.http.X-Cache = "MISS";
    }
}
