//! Stills by HTTP; whoever makes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use hub::{Broadcast, NoStill, Still, StillFuture, Stills};

use super::stage::{KEY, Stage, call};
use crate::router;

/// Always has the same one, or the same excuse.
struct Painter {
    outcome: Result<Arc<Still>, NoStill>,
    asked: AtomicUsize,
}

impl Stills for Painter {
    fn still<'a>(&'a self, _: &'a Broadcast) -> StillFuture<'a> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { self.outcome.clone() })
    }
}

fn painted(stage: &Stage, outcome: Result<Arc<Still>, NoStill>) -> (Router, Arc<Painter>) {
    let painter = Arc::new(Painter { outcome, asked: AtomicUsize::new(0) });
    let mut house = stage.house.clone();
    house.stills = painter.clone();
    (router(house, Router::new()), painter)
}

fn still() -> Result<Arc<Still>, NoStill> {
    let taken = UNIX_EPOCH + Duration::from_millis(1_795_953_696_789);
    Ok(Arc::new(Still { jpeg: vec![0xff, 0xd8, 0xff, 0xe0].into(), taken }))
}

#[tokio::test]
async fn a_still_can_be_kept_for_some_seconds_and_asked_for_again() {
    let stage = Stage::empty("live/alice");
    let (router, _) = painted(&stage, still());
    let uri = "/thumbnail/live/alice.jpg";
    let reply = call(router.clone(), "GET", uri, &[]).await;
    assert_eq!(
        (reply.status, reply.header("content-type"), &reply.body[..3]),
        (200.try_into().unwrap(), "image/jpeg", &[0xff, 0xd8, 0xff][..])
    );
    assert_eq!(reply.header("cache-control"), "public, max-age=5");
    assert_eq!(reply.header("last-modified"), "Sun, 29 Nov 2026 12:01:36 GMT");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    let (tag, modified) = (reply.header("etag"), reply.header("last-modified"));
    assert!(tag.starts_with('"') && tag.ends_with('"'));
    for (name, value, status) in [
        ("if-none-match", tag, 304),
        ("if-none-match", "W/\"x\", *", 304),
        ("if-none-match", "\"other\"", 200),
        ("if-modified-since", modified, 304),
        ("if-modified-since", "Sun, 29 Nov 2026 12:01:35 GMT", 200),
        ("if-modified-since", "yesterday", 200),
    ] {
        let reply = call(router.clone(), "GET", uri, &[(name, value)]).await;
        assert_eq!(reply.status, status, "{name}: {value}");
        assert_eq!((reply.header("etag"), reply.body.is_empty()), (tag, status == 304));
    }
    assert_eq!(call(router, "HEAD", uri, &[]).await.status, 200);
}

#[tokio::test]
async fn a_still_is_for_those_who_may_watch() {
    let stage = Stage::empty("private/alice");
    let (router, painter) = painted(&stage, still());
    let uri = "/thumbnail/private/alice.jpg";
    assert_eq!(call(router.clone(), "GET", uri, &[]).await.status, 401);
    assert_eq!(
        call(router.clone(), "GET", "/thumbnail/private/nobody.jpg", &[]).await.status,
        401,
        "no word on what there is"
    );
    assert_eq!(painter.asked.load(Ordering::Relaxed), 0);
    let bearer = format!("Bearer {KEY}");
    let reply = call(router.clone(), "GET", uri, &[("authorization", &bearer)]).await;
    assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "private, max-age=5"));
    let keyed = form_urlencoded::byte_serialize(KEY.as_bytes()).collect::<String>();
    assert_eq!(call(router, "GET", &format!("{uri}?key={keyed}"), &[]).await.status, 200);
}

#[tokio::test]
async fn where_there_is_no_still_it_is_said_why() {
    let stage = Stage::empty("live/alice");
    for (outcome, status, retries) in [
        (NoStill::NoWorker, 503, false),
        (NoStill::NoPicture, 404, false),
        (NoStill::NotYet, 503, true),
        (NoStill::Busy, 503, true),
        (NoStill::Failed, 503, true),
    ] {
        let (router, painter) = painted(&stage, Err(outcome));
        let reply = call(router.clone(), "GET", "/thumbnail/live/alice.jpg", &[]).await;
        assert_eq!((reply.status.as_u16(), !reply.header("retry-after").is_empty()), (status, retries), "{outcome:?}");
        assert_eq!(reply.header("content-type"), "application/problem+json");
        for uri in ["/thumbnail/live/bob.jpg", "/thumbnail/live/alice", "/thumbnail/live/alice.png", "/thumbnail/.jpg"]
        {
            assert_eq!(call(router.clone(), "GET", uri, &[]).await.status, 404, "{uri}");
        }
        assert_eq!(painter.asked.load(Ordering::Relaxed), 1, "of a stream that is not there nothing is asked");
    }
    // As the house stands by itself.
    assert_eq!(stage.get("/thumbnail/live/alice.jpg").await.status, 503);
}
