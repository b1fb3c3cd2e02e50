use std::collections::HashMap;
use std::time::{Duration, Instant};

use hub::{Broadcast, Step};
use media::{Span, Time};

use crate::view::{View, clip, follow, send};

const QUIET: Duration = Duration::from_millis(2500);

/// When the frames of a track came, by when they are shown. Ends when nothing came for a while.
async fn arrivals(broadcast: &Broadcast, id: u16) -> HashMap<Time, Instant> {
    let mut cursor = follow(broadcast, id).await;
    let mut seen = HashMap::new();
    loop {
        match tokio::time::timeout(QUIET, cursor.next()).await {
            Ok(Step::Frame(frame)) => drop(seen.insert(frame.pts(), Instant::now())),
            Ok(Step::Ended) | Err(_) => return seen,
            Ok(_) => {}
        }
    }
}

/// P18: of 720p30, a rung of 480 lines is there within a tenth of a second, and the figure that operators see says so.
/// `ONAIR_MEASURE=1` holds it to that, on a machine with nothing else to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_rung_is_there_soon_after_its_source() {
    let is_measuring = std::env::var_os("ONAIR_MEASURE").is_some();
    let secs = if is_measuring { 40 } else { 9 };
    let clip = clip("1280x720", 30, secs, "-c:v libx264 -preset veryfast -bf 0 -g 60 -pix_fmt yuv420p");
    let view = View::new("path = '**'\nrungs = [{ height = 480, kbps = 1200 }]");
    let publisher = view.publish(clip.codec.clone());
    let broadcast = publisher.broadcast();
    let (_, source, rung) =
        tokio::join!(send(&publisher, &clip.frames, Span::ZERO), arrivals(&broadcast, 0), arrivals(&broadcast, 480));
    let first = source.keys().min().copied().unwrap();
    // Not the first seconds, in which a worker is started and works off what there is.
    let settled = |at: &Time| at.since(first) > Span::from_millis(4000);
    let late = rung.iter().filter(|(at, _)| settled(at)).filter_map(|(at, came)| Some(*came - *source.get(at)?));
    let mut late: Vec<Duration> = late.collect();
    late.sort_unstable();
    let rank = |percent: usize| late[(late.len() - 1) * percent / 100];
    let condition = view.condition(480).unwrap();
    eprintln!(
        "{} pictures: p50 {:?}, p95 {:?}, p99 {:?}, last {:?}; {condition:?}",
        late.len(),
        rank(50),
        rank(95),
        rank(99),
        rank(100)
    );
    let told = condition.delay.unwrap();
    if is_measuring {
        assert!(late.len() > 1000 && condition.left_out == 0, "{condition:?}");
        assert!(rank(95) < Duration::from_millis(100), "{:?}", rank(95));
        assert!(told.abs_diff(rank(95)) < Duration::from_millis(20), "{told:?} is told");
    } else {
        assert!(late.len() > 60, "{}", late.len());
        assert!(told > Duration::from_millis(1) && told < Duration::from_millis(1500), "{told:?} is told");
    }
}
