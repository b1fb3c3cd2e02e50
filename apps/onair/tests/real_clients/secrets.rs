//! A canary in every place where a key can be shown: it sings nowhere (F11, R11).

use testkit::ffmpeg::Source;
use testkit::http;
use testkit::rtmp::{Publisher, Refusal};

use crate::server;

const CANARY: &str = "canary-7f3a91c5e2";
const WRONG: &str = "parrot-2e5c19a3f7";

#[test]
fn keys_reach_no_log_no_metric_and_no_page() {
    let server = server(&[
        "log.level=\"trace\"",
        "access.loopback_publishes=false",
        &format!("access.publish=[{{path=\"live/*\",key=\"{CANARY}\"}}]"),
        &format!("access.watch=[{{path=\"live/secret\",key=\"{CANARY}\"}}]"),
    ]);
    for app_and_key in [("live", "secret"), ("live", &*format!("secret?key={WRONG}"))] {
        let refused = Publisher::publish(server.rtmp, app_and_key.0, app_and_key.1);
        assert!(matches!(refused, Err(Refusal::Status(_))), "a clear status, then the end (R11)");
    }
    let _publisher = Source::default().publish(&server.rtmp_url(&format!("live/secret?key={CANARY}")));
    let _by_app = Publisher::publish(server.rtmp, &format!("live?key={CANARY}"), "other").map(Publisher::finish);

    let list = format!("/hls/live/secret/index.m3u8?key={CANARY}");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while http::get(server.http, &list).status != 200 {
        assert!(std::time::Instant::now() < deadline, "never on air:\n{}", server.log());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    for (key, status) in [("".to_owned(), 401), (format!("?key={WRONG}"), 401), (format!("?key={CANARY}"), 200)] {
        for name in ["index", "v0"] {
            let reply = http::get(server.http, &format!("/hls/live/secret/{name}.m3u8{key}"));
            assert_eq!(reply.status, status, "{name} with {key:?}");
        }
    }
    let bearer = format!("Bearer {WRONG}");
    let headers = [("Authorization", bearer.as_str()), ("Referer", &format!("http://x/?key={CANARY}"))];
    let refused = http::request(server.http, "GET", "/hls/live/secret/v0.m3u8", &headers).expect("an answer");
    assert_eq!(refused.status, 401);

    let mut said = vec![("the refusal", String::from_utf8_lossy(&refused.body).into_owned())];
    for address in ["/metrics", "/api/v1/streams", "/", "/watch/live/secret", "/embed/live/secret", "/nowhere"] {
        let with_key = http::get(server.http, &format!("{address}?key={CANARY}"));
        said.push((address, String::from_utf8_lossy(&with_key.body).into_owned()));
        let without = http::get(server.http, address);
        said.push((address, String::from_utf8_lossy(&without.body).into_owned()));
    }
    said.push(("the log", server.log()));
    for (place, text) in said {
        for key in [CANARY, WRONG] {
            let line = text.lines().find(|line| line.contains(key));
            assert!(line.is_none(), "{key} in {place}: {}", line.unwrap_or_default());
        }
    }
}
