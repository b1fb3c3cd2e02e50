use std::io::Write;

use super::*;

/// Loads a file called `onair.toml`, as an operator would.
fn load(text: &str, environment: &[(&str, &str)], set: &[&str]) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("onair.toml");
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    let environment: Vec<_> = environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let set: Vec<_> = set.iter().map(|text| text.to_string()).collect();
    Config::load(Sources { file: Some(&path), environment: &environment, set: &set })
        .map_err(|problems| problems.to_string().replace(&format!("{}/", dir.path().display()), ""))
}

fn error(text: &str) -> String {
    load(text, &[], &[]).unwrap_err()
}

#[test]
fn no_source_at_all_gives_the_defaults() {
    assert_eq!(Config::load(Sources::default()), Ok(Config::default()));
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let file = "[http]\nlisten = \"127.0.0.1:1\"\nmax_connections = 7\n[hls]\npart = \"100ms\"\n";
    let environment = [("ONAIR_HTTP__LISTEN", "127.0.0.1:2"), ("ONAIR_HLS__PART", "300ms"), ("HOME", "/")];
    let config = load(file, &environment, &["http.listen=127.0.0.1:3"]).unwrap();
    assert_eq!(config.http.listen.port(), 3);
    assert_eq!(config.http.max_connections, 7);
    assert_eq!(config.hls.part, std::time::Duration::from_millis(300));
}

#[test]
fn values_outside_a_file_need_no_quotes() {
    let set = [
        "rtmp.listen=off",
        "http.max_connections=5",
        "access.loopback_publishes=false",
        "http.trusted_proxies=[\"10.0.0.0/8\"]",
        "hub.max_track_bytes=2MiB",
        "log.level=debug",
        "log.format=json",
    ];
    let environment = [("ONAIR_ACCESS__PUBLISH", "[{ path = \"live/*\", key = \"12345678\" }]")];
    let config = load("", &environment, &set).unwrap();
    assert_eq!(config.rtmp.listen, None);
    assert_eq!(config.http.max_connections, 5);
    assert!(!config.access.loopback_publishes);
    assert_eq!(config.http.trusted_proxies.len(), 1);
    assert_eq!(config.hub.max_track_bytes, 2 << 20);
    assert_eq!(config.access.publish[0].key.expose(), "12345678");
}

#[test]
fn a_misspelt_setting_is_told_with_its_line_and_what_was_meant() {
    assert_eq!(
        error("[http]\nlisten = \"[::]:80\"\nmax_conections = 7\n"),
        "onair.toml:3:1: there is no setting `http.max_conections`; did you mean `http.max_connections`?
  3 | max_conections = 7
    | ^^^^^^^^^^^^^^"
    );
    assert_eq!(
        load("", &[("ONAIR_HTTP__LISTN", "x")], &["htpp.listen=[::]:1"]).unwrap_err(),
        "environment: there is no setting `ONAIR_HTTP__LISTN`; did you mean `ONAIR_HTTP__LISTEN`?
--set htpp.listen: there is no setting `htpp.listen`; did you mean `http.listen`?"
    );
}

#[test]
fn a_value_that_does_not_fit_is_marked() {
    assert_eq!(
        error("[http]\nlisten = \":80\"\n[rtmp]\n  idle_timeout = 10\n"),
        "onair.toml:2:10: `http.listen`: `:80` names no address; for every address of this machine write `[::]:80`
  2 | listen = \":80\"
    |          ^^^^^
onair.toml:4:18: `rtmp.idle_timeout`: invalid type: integer `10`, expected a duration
  4 |   idle_timeout = 10
    |                  ^^"
    );
    assert_eq!(
        load("", &[("ONAIR_RTMP__LISTEN", "localhost")], &["hls.part=quick"]).unwrap_err(),
        "environment variable ONAIR_RTMP__LISTEN: `localhost` is no numeric address with a port, \
         such as `[::]:8080` or `127.0.0.1:8080`, nor `off`
--set hls.part: invalid value: string \"quick\", expected a duration"
    );
}

#[test]
fn broken_toml_is_told_with_its_line() {
    assert!(error("[http]\nlisten = \n").starts_with("onair.toml:2:"), "{}", error("[http]\nlisten = \n"));
}

#[test]
fn a_missing_file_is_named() {
    let problems = Config::load(Sources { file: Some(Path::new("nowhere.toml")), ..Sources::default() }).unwrap_err();
    assert!(problems.to_string().starts_with("nowhere.toml: cannot be read: "), "{problems}");
}

#[test]
fn settings_that_do_not_go_together_are_told_where_one_was_written() {
    assert_eq!(
        error("[hls]\nsegment = \"6s\"\n"),
        "onair.toml:2:11: `hls.segment`: a window of 30s is less than six segments, 36s
  2 | segment = \"6s\"
    |           ^^^^"
    );
    assert_eq!(
        load("", &[], &["rtmp.listen=127.0.0.1:8080"]).unwrap_err(),
        "--set rtmp.listen: RTMP and HTTP cannot both listen at port 8080"
    );
    assert!(load("", &[], &["rtmp.listen=[::]:0", "http.listen=[::]:0"]).is_ok());
}

#[test]
fn ranges_are_held() {
    for set in [
        "hls.segment=500ms",
        "hls.part=10ms",
        "hls.part=1001ms",
        "hls.window=11s",
        "http.max_connections=0",
        "rtmp.idle_timeout=0s",
        "hub.max_track_bytes=5",
        "log.level=loud",
        "log.level=info,hub=loud",
        "log.format=xml",
    ] {
        assert!(load("", &[], &[set]).is_err(), "{set}");
    }
    assert!(load("", &[], &["log.level=info,gateway_rtmp=debug"]).is_ok());
}

#[test]
fn one_underscore_where_two_belong_is_noticed_and_strangers_are_not() {
    assert!(load("", &[("ONAIR_HTTP_LISTEN", "x")], &[]).unwrap_err().contains("`ONAIR_HTTP__LISTEN`"));
    assert!(load("", &[("ONAIR_PORT", "tcp://10.0.0.1:80"), ("ONAIR_SERVICE_HOST", "x")], &[]).is_ok());
}

#[test]
fn a_bad_key_is_told_by_the_path_it_is_for() {
    assert_eq!(
        error(
            "[access]\npublish = [\n  { path = \"a\", key = \"canary-0123\" },\n  { path = \"b\", key = \"canary\" },\n]\n"
        ),
        "onair.toml:4:3: `access.publish`: the key for `b`: a key needs at least eight characters, or it is soon guessed"
    );
}

/// F11.
#[test]
fn no_message_shows_a_key() {
    for text in [
        "[access]\npublish = \"canary99\"\n",
        "[access]\npublish = [\"canary99\"]\n",
        "[access]\npublish = [{ path = \"a\", key = canary99 }]\n",
        "[access]\npublish = [{ path = \"a\", kye = \"canary99\" }]\n",
        "[access]\npublish = [{ path = \"a\", canary99 = \"key\" }]\n",
        "[access]\npublish = [{ path = \"a b\", key = \"canary99\" }]\n",
        "[access]\npublish = [{ path = \"a\", key = \"canary99 \" }]\n",
        "[access]\nwatch = [{ key = \"canary99\" }]\n",
        "[[access.watch]]\npath = \"a\"\nkey = \"canary99\n",
        "acces = { watch = [{ path = \"a\", key = \"canary99\" }] }\n",
        "[access]\npublsh = [{ path = \"a\", key = \"canary99\" }]\n",
        "[webrtc]\nice_servers = \"canary99\"\n",
        "[webrtc]\nice_servers = [{ url = \"turn:a\", secret = canary99 }]\n",
        "[webrtc]\nice_servers = [{ url = \"turn:a\", sekret = \"canary99\" }]\n",
        "[webrtc]\nice_servers = [{ url = \"stun:a\", secret = \"canary99\" }]\n",
        "[[webrtc.ice_servers]]\nurl = \"turn:a?b\"\nsecret = \"canary99\"\n",
    ] {
        let message = error(text);
        assert!(message.starts_with("onair.toml:"), "{message}");
        assert!(!message.contains("canary"), "{message}");
    }
    let message = load("", &[("ONAIR_ACCESS__PUBLISH", "canary99")], &["access.watch=canary99"]).unwrap_err();
    assert!(!message.contains("canary"), "{message}");
}

#[test]
fn a_ladder_takes_a_device_with_vaapi_alone() {
    let ladder = |rest: &str| format!("[[transcode.ladder]]\npath = \"**\"\n{rest}\n");
    let config = load(&ladder("encode = \"vaapi\"\ndevice = \"/dev/dri/renderD129\""), &[], &[]).unwrap();
    let ladder_read = &config.transcode.ladder[0];
    assert_eq!((ladder_read.encode, &*ladder_read.device), (crate::Encode::Vaapi, "/dev/dri/renderD129".as_ref()));
    let said = error(&ladder("encode = \"vaapi\"\ndevice = \"renderD129\""));
    assert!(said.contains("the ladder for `**`: `renderD129` is no device, such as `/dev/dri/renderD128`"), "{said}");
    let said = error(&ladder("encode = \"nvenc\"\ndevice = \"/dev/dri/renderD129\""));
    assert!(said.contains("a `device` can be chosen with `encode = \"vaapi\"` alone"), "{said}");
}
