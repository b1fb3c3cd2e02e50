use std::path::PathBuf;
use std::sync::Arc;

use tracing::{info, warn};
use transcode::{Settings, Stills, Transcoder};

/// The transcoder, if there is a worker to start and anything for it to do. Without one the server does all the rest.
pub(crate) fn find(settings: &config::Transcode) -> Option<Transcoder> {
    let makes =
        Settings { audio: settings.audio, webrtc_video: settings.webrtc_video, ladders: settings.ladder.clone() };
    if !makes.audio && !makes.webrtc_video && makes.ladders.is_empty() {
        return None;
    }
    let Some(worker) = worker(settings) else {
        warn!("there is no transcoder: viewers get only what their players take as it is sent; see `transcode.worker`");
        return None;
    };
    info!(worker = %worker.display(), "renditions are made by");
    Some(Transcoder::new(&worker, makes))
}

/// Who makes stills, if they are wanted and there is a worker to start.
pub(crate) fn stills(settings: &config::Transcode) -> Arc<dyn hub::Stills> {
    match worker(settings).filter(|_| settings.thumbnails) {
        Some(worker) => Arc::new(Stills::new(&worker)),
        None => Arc::new(()),
    }
}

/// The program to start, if it is there.
pub(crate) fn worker(settings: &config::Transcode) -> Option<PathBuf> {
    let worker = if settings.worker.as_os_str().is_empty() { beside_us()? } else { settings.worker.clone() };
    worker.is_file().then_some(worker)
}

fn beside_us() -> Option<PathBuf> {
    let ours = std::env::current_exe().ok()?;
    Some(ours.with_file_name("onair-transcoder"))
}
