//! A gateway on loopback, asked without any HTTP socket.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use config::Webrtc;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hub::{Action, Admission, Ask, Hub, Limits, Verdict};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::Listener;

pub(super) const KEY: &str = "canary-key-0123";
/// A good one for what is not here.
pub(super) const OTHER_KEY: &str = "canary-key-9876";

/// Loopback publishes, others by [`KEY`]; watching is open but for `private/`.
struct Doorman;

impl Admission for Doorman {
    fn admit(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>> {
        let is_open = match ask.action {
            Action::Watch => !ask.path.as_str().starts_with("private/"),
            Action::Publish => ask.peer.is_loopback(),
        };
        Box::pin(async move {
            match ask.secret.as_deref() {
                _ if is_open => Verdict::Allowed,
                None => Verdict::NeedsKey,
                Some(KEY) => Verdict::Allowed,
                Some(OTHER_KEY) => Verdict::OtherKey,
                Some(_) => Verdict::WrongKey,
            }
        })
    }
}

pub(super) struct Stage {
    router: Router,
    pub(super) hub: Hub,
    stop: CancellationToken,
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Stage {
    pub(super) fn new(change: impl FnOnce(&mut Webrtc)) -> Self {
        let mut config = Webrtc {
            listen: Some("127.0.0.1:0".parse().unwrap()),
            public: vec!["203.0.113.5:8189".parse().unwrap()],
            ..Webrtc::default()
        };
        change(&mut config);
        let (hub, stop) = (Hub::new(Limits::default()), CancellationToken::new());
        let listener = Listener::bind(config).unwrap().unwrap();
        let ready = listener.ready(hub.clone(), Arc::new(Doorman), Arc::new(()), stop.clone()).unwrap();
        let router = ready.router();
        tokio::spawn(ready.run());
        Self { router, hub, stop }
    }

    pub(super) async fn send(
        &self,
        from: &str,
        method: &str,
        address: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(from.parse::<IpAddr>().unwrap());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(parts.headers["access-control-allow-origin"], "*", "{method} {address}: W13");
        assert!(!text.contains(KEY), "F11");
        assert!(parts.headers.values().all(|value| !value.to_str().unwrap().contains(KEY)), "F11");
        Reply { status: parts.status, headers: parts.headers, text }
    }

    /// From this machine.
    pub(super) async fn ask(&self, method: &str, address: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.send("127.0.0.1", method, address, headers, body.to_owned()).await
    }

    pub(super) async fn ask_api(&self) -> String {
        let request = Request::builder().uri("/api/v1/webrtc/sessions");
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert("127.0.0.1".parse::<IpAddr>().unwrap());
        let body = self.router.clone().oneshot(request).await.unwrap().into_body();
        String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    pub(super) async fn offer(&self, address: &str, offer: &str) -> Reply {
        self.ask("POST", address, &[("content-type", "application/sdp")], offer).await
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
