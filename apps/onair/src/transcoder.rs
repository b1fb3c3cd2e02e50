use std::path::PathBuf;

use tracing::{info, warn};
use transcode::Transcoder;

/// The transcoder, if there is a worker to start and anything for it to do. Without one the server does all the rest.
pub(crate) fn find(settings: &config::Transcode) -> Option<Transcoder> {
    if !settings.audio {
        return None;
    }
    let worker = if settings.worker.as_os_str().is_empty() { beside_us()? } else { settings.worker.clone() };
    if !worker.is_file() {
        warn!(
            worker = %worker.display(),
            "there is no transcoder: viewers hear only what their players take as it is sent; see `transcode.worker`"
        );
        return None;
    }
    info!(worker = %worker.display(), "renditions are made by");
    Some(Transcoder::new(&worker))
}

fn beside_us() -> Option<PathBuf> {
    let ours = std::env::current_exe().ok()?;
    Some(ours.with_file_name("onair-transcoder"))
}
