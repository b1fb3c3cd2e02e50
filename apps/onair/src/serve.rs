use std::sync::Arc;

use anyhow::{Context, bail};
use config::Config;
use control::Access;
use gateway_http::{About, Carried, Carry, House};
use hub::Hub;
use package::Library;
use tls::Certificate;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use transcode::Demo;

use crate::greeting::{self, Greeting};
use crate::{bind, clock, figures, files, limits, logging, stop, transcoder};

/// Where the demo publishes.
const DEMO: &str = "live/test";

/// Runs the server until it is told to stop.
pub(crate) fn run(config: Config) -> anyhow::Result<()> {
    start(config, None)
}

/// The same with a stream of its own, so that there is something to watch without any other program.
pub(crate) fn demo(config: Config) -> anyhow::Result<()> {
    let Some(worker) = transcoder::worker(&config.transcode) else {
        bail!(
            "the demo is drawn by the program `onair-transcoder`, which is not beside this one; see `transcode.worker`"
        );
    };
    let demo = Demo::new(&worker, DEMO.parse()?);
    start(config, Some(demo))
}

fn start(config: Config, demo: Option<Demo>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(config, demo));
    // Whatever still runs had its time.
    runtime.shutdown_background();
    outcome
}

async fn serve(config: Config, demo: Option<Demo>) -> anyhow::Result<()> {
    let for_people = logging::start(&config.log);
    let files = files::raise_limit();
    let mut requests = stop::Requests::listen()?;
    let metrics = figures::install()?;

    // All ports or nothing: first bind, then begin.
    let certificate = config.tls.has_certificate().then(|| Certificate::open(&config.tls)).transpose()?;
    let mut rtmp = gateway_rtmp::Listener::new(config.rtmp.clone());
    if let Some(listen) = config.rtmp.listen {
        rtmp.bind(listen).map_err(bind::refused("rtmp.listen", listen))?;
    }
    let webrtc = match config.webrtc.listen {
        Some(listen) => {
            gateway_webrtc::Listener::bind(config.webrtc.clone()).map_err(bind::refused("webrtc.listen", listen))?
        }
        None => None,
    };
    let http = gateway_http::Listener::bind(&config.http);
    let mut http = http.map_err(bind::refused("http.listen", config.http.listen))?;
    http.on_threads(match config.http.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    });
    if let Some(certificate) = &certificate {
        if let Some(listen) = config.rtmp.tls_listen {
            let bound = rtmp.bind_tls(listen, certificate.acceptor(&[])?);
            bound.map_err(bind::refused("rtmp.tls_listen", listen))?;
        }
        if let Some(listen) = config.http.tls_listen {
            let bound = http.bind_tls(listen, certificate.acceptor(&["h2", "http/1.1"])?);
            bound.map_err(bind::refused("http.tls_listen", listen))?;
        }
    }
    let greeting = Greeting {
        http: http.local_addr()?,
        https: http.tls_addr(),
        rtmp: rtmp.address(),
        rtmps: rtmp.tls_address(),
        loopback_publishes: config.access.loopback_publishes,
        has_keys: !config.access.publish.is_empty(),
        demo: demo.as_ref().map(|_| DEMO),
    };
    info!(version = env!("CARGO_PKG_VERSION"), files, "starting");

    let hub = Hub::new(limits::of(&config.hub));
    let library = Library::default();
    let admission = Arc::new(Access::new(config.access));
    // Two steps: first no more publishers, then no more viewers.
    let (stop, close) = (CancellationToken::new(), CancellationToken::new());

    // These run for as long as the server does.
    let mut rooms = JoinSet::new();
    rooms.spawn(clock::keep(hub.clone()));
    rooms.spawn(figures::keep(metrics.clone()));
    if let Some(certificate) = certificate {
        rooms.spawn(certificate.keep(close.clone()));
    }
    let transcoder = transcoder::find(&config.transcode);
    let demand: Arc<dyn hub::Demand> = match &transcoder {
        Some(transcoder) => Arc::new(transcoder.clone()),
        None => Arc::new(()),
    };
    if let Some(transcoder) = &transcoder {
        if config.transcode.audio && config.transcode.hls_aac {
            rooms.spawn(transcoder.clone().keep_aac(hub.clone(), close.clone()));
        }
        if !config.transcode.ladder.is_empty() {
            rooms.spawn(transcoder.clone().keep_ladders(hub.clone(), close.clone()));
        }
    }
    rooms.spawn(origin::run(hub.clone(), library.clone(), limits::packaging(&config.hls), close.clone()));

    let mut publishers = JoinSet::new();
    publishers.spawn(rtmp.run(hub.clone(), admission.clone(), demand.clone(), stop.clone()));
    let has_webrtc = webrtc.is_some();
    let mut guests = axum::Router::new();
    let mut carried: Option<Carry> = None;
    if let Some(webrtc) = webrtc {
        let ready = webrtc.ready(hub.clone(), admission.clone(), demand.clone(), stop.clone());
        let webrtc = ready.context("WebRTC cannot begin")?;
        guests = guests.merge(webrtc.router());
        let carries = webrtc.carries();
        carried = Some(Arc::new(move |broadcast| {
            let gateway_webrtc::Carried { video, audio } = carries(broadcast);
            Carried { video, audio }
        }));
        publishers.spawn(webrtc.run());
    }
    let house = House {
        hub: hub.clone(),
        library,
        admission,
        demand,
        stills: transcoder::stills(&config.transcode),
        carried,
        flv: match config.http.max_flv_players {
            0 => None,
            players => Some(Arc::new(Semaphore::new(players.min(Semaphore::MAX_PERMITS)))),
        },
        metrics,
        about: About {
            version: env!("CARGO_PKG_VERSION"),
            rtmp_port: greeting.rtmp.map(|rtmp| rtmp.port()),
            rtmps_port: greeting.rtmps.map(|rtmps| rtmps.port()),
            webrtc: has_webrtc,
            https_port: greeting.https.map(|https| https.port()),
        },
        trusted_proxies: config.http.trusted_proxies.clone().into(),
        stop: stop.clone(),
    };
    let mut viewers = JoinSet::new();
    viewers.spawn(http.serve(gateway_http::router(house, guests), close.clone()));
    if let Some(demo) = demo {
        publishers.spawn(demo.run(hub.clone(), stop.clone()));
    }
    if for_people {
        eprintln!("{}", greeting.text(greeting::outside()));
    }

    let outcome = tokio::select! {
        signal = requests.next() => {
            info!(signal, "stopping");
            Ok(())
        }
        Some(end) = rooms.join_next() => Err(ended(end)),
        Some(end) = publishers.join_next() => Err(ended(end)),
        Some(end) = viewers.join_next() => Err(ended(end)),
    };

    let begin = Instant::now();
    let was_live = !hub.broadcasts().is_empty();
    let drain = async {
        stop.cancel();
        all(&mut publishers, begin + config.server.drain).await;
        if was_live {
            // What was sent last is still being fetched.
            tokio::time::sleep_until(begin + config.server.drain / 2).await;
        }
        close.cancel();
        all(&mut viewers, begin + config.server.drain).await;
    };
    tokio::select! {
        () = drain => info!("stopped"),
        signal = requests.next() => warn!(signal, "asked again: stopping at once"),
    }
    outcome
}

/// Waits until all have ended, but not for ever.
async fn all(tasks: &mut JoinSet<()>, deadline: Instant) {
    while let Ok(Some(_)) = timeout_at(deadline, tasks.join_next()).await {}
}

/// A task that runs as long as the server ended before it: the rest is of no use without it.
fn ended(end: Result<(), tokio::task::JoinError>) -> anyhow::Error {
    let error = match end {
        Ok(()) => anyhow::anyhow!("a part of the server ended"),
        Err(error) => anyhow::Error::new(error).context("a part of the server ended"),
    };
    error!(%error, "stopping");
    error
}

#[cfg(test)]
mod tests {
    /// The description of the API is one document, kept by the gateway that serves it: it names the addresses of guests too.
    #[test]
    fn the_api_of_every_gateway_is_described() {
        let document = include_str!("../../../crates/gateway/http/src/openapi.json");
        for route in gateway_webrtc::API {
            assert!(document.contains(&format!("\"{route}\": {{")), "{route} is not described");
        }
    }
}
