//! A viewer by HTTP as the loop sees it: a machine that says what it wants fetched, and is told what came. Time is an
//! argument.

use std::sync::Arc;
use std::time::Duration;

use crate::dash::Timing;
use crate::http::Keep;
use crate::url::Url;

/// After a failure, until the next try.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// One viewer; times count from the start of the measurement.
pub trait Viewer {
    /// What it reads to know what there is; viewers of one stream share it.
    type Document;

    /// Reads that; `None` where the text is none.
    fn read(text: &str) -> Option<Self::Document>;
    /// The next thing to fetch now, if any. Call until `None`.
    fn poll(&mut self, now: Duration) -> Option<Request>;
    /// When to call [`Self::poll`] again if nothing comes.
    fn deadline(&self) -> Option<Duration>;
    /// Says what came of a request.
    fn done(&mut self, now: Duration, request: &Request, reply: Reply<Self::Document>);
    /// So many seconds of media more came of a request that goes on.
    fn came(&mut self, now: Duration, request: &Request, secs: f64);
    /// How it fares: by its first track, the picture.
    fn fate(&self, now: Duration) -> Fate;
}

/// How a viewer follows the live edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Whole segments, three behind the edge.
    Plain,
    /// By HLS parts, PART-HOLD-BACK behind the edge, a blocking reload always under way; by DASH segments as they are
    /// made. Where the server offers nothing of that, the same as [`Mode::Plain`].
    LowLatency,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A playlist, answered at once.
    Playlist,
    /// A reload that the server holds back until there is something new.
    Blocked,
    /// An MPD.
    Manifest,
    /// The server's clock.
    Clock,
    /// An initialization segment.
    Init,
    /// A whole segment.
    Segment,
    /// A segment asked for before it was complete: it comes as it is made.
    Open,
    /// A part.
    Part,
}

/// Something to fetch.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// From where.
    pub url: Url,
    /// What for.
    pub kind: Kind,
    /// Which of the viewer's tracks asked; `None` for what is of no track.
    pub track: Option<usize>,
    /// Seconds of media that it brings.
    pub secs: f64,
    /// Wall clock of the end of that media, milliseconds since 1970, where the playlist says so.
    pub end_ms: Option<i64>,
    /// How to count the media while it comes.
    pub timing: Option<Timing>,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub enum Reply<D> {
    /// A playlist or an MPD, read; and the server's `Date`, milliseconds since 1970.
    Document(Arc<D>, Option<i64>),
    /// A body as it is; and the server's `Date`.
    Body(Vec<u8>, Option<i64>),
    /// Media, thrown away.
    Media,
    /// Anything else.
    Failed,
}

/// How a viewer fared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fate {
    /// Media has come.
    pub playing: bool,
    /// How often the buffer ran dry.
    pub stalls: u32,
    /// For how long altogether.
    pub stalled: Duration,
}

impl Request {
    /// A request that brings no media.
    pub fn new(url: Url, kind: Kind) -> Self {
        Self { url, kind, track: None, secs: 0.0, end_ms: None, timing: None }
    }

    /// What to do with the answer's body.
    pub fn keep(&self) -> Keep {
        match self.kind {
            Kind::Segment | Kind::Open | Kind::Part => Keep::Nothing,
            _ => Keep::Whole,
        }
    }

    /// The answer is a text to read.
    pub fn is_document(&self) -> bool {
        matches!(self.kind, Kind::Playlist | Kind::Blocked | Kind::Manifest)
    }
}

impl Kind {
    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Playlist => "playlist",
            Self::Blocked => "blocked_reload",
            Self::Manifest => "manifest",
            Self::Clock => "clock",
            Self::Init => "init",
            Self::Segment => "segment",
            Self::Open => "open_segment",
            Self::Part => "part",
        }
    }
}
