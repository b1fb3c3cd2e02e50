use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Malformed, Message, Unit, end};

/// What the worker tells the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It is locked in and may be given media.
    Ready {
        /// Whether the file system is shut by the kernel's Landlock as well as by the filter of system calls.
        has_landlock: bool,
    },
    /// The next frame of an output.
    Frame(Unit),
    /// How far it has come; after every frame that it was given.
    Progress {
        /// Frames taken so far.
        taken: u64,
        /// Those among them that could not be decoded.
        damaged: u64,
    },
    /// How it stands with a rung of pictures; when that changes.
    Standing {
        /// Which output.
        output: u8,
        /// It is not made for now: the machine has not the time.
        is_shed: bool,
        /// Frames that were left out so far, as there was no time for them.
        left_out: u64,
        /// What encodes it, as FFmpeg calls it; cut at [`Report::NAME`] bytes.
        encoder: String,
    },
    /// It cannot do that, and ends.
    Failed {
        /// Why, for people; cut at [`Report::WHY`] bytes.
        what: String,
    },
}

impl Report {
    /// The most bytes of [`Report::Failed`].
    pub const WHY: usize = 1000;
    /// The most bytes of an encoder's name.
    pub const NAME: usize = 40;
}

impl Message for Report {
    fn parse_body(kind: u8, mut body: Bytes) -> Result<Self, Malformed> {
        let short = |_| Malformed("report");
        let report = match kind {
            1 => Self::Ready { has_landlock: body.try_get_u8().map_err(short)? != 0 },
            2 => return Unit::parse(body).map(Self::Frame),
            3 => {
                let taken = body.try_get_u64().map_err(short)?;
                Self::Progress { taken, damaged: body.try_get_u64().map_err(short)? }
            }
            4 => return Ok(Self::Failed { what: text(&body, Self::WHY) }),
            5 => {
                let output = body.try_get_u8().map_err(short)?;
                let is_shed = body.try_get_u8().map_err(short)? != 0;
                let left_out = body.try_get_u64().map_err(short)?;
                return Ok(Self::Standing { output, is_shed, left_out, encoder: text(&body, Self::NAME) });
            }
            _ => return Err(Malformed("kind of report")),
        };
        end(&body, "report")?;
        Ok(report)
    }

    fn write_body(&self, out: &mut BytesMut) {
        match self {
            Self::Ready { has_landlock } => out.put_slice(&[1, (*has_landlock).into()]),
            Self::Frame(unit) => {
                out.put_u8(2);
                unit.write(out);
            }
            Self::Progress { taken, damaged } => {
                out.put_u8(3);
                out.put_u64(*taken);
                out.put_u64(*damaged);
            }
            Self::Failed { what } => {
                out.put_u8(4);
                out.put_slice(cut(what, Self::WHY));
            }
            Self::Standing { output, is_shed, left_out, encoder } => {
                out.put_slice(&[5, *output, (*is_shed).into()]);
                out.put_u64(*left_out);
                out.put_slice(cut(encoder, Self::NAME));
            }
        }
    }
}

/// The rest as text of so many bytes at most, whatever it is.
fn text(rest: &[u8], most: usize) -> String {
    let mut text = String::from_utf8_lossy(rest.get(..rest.len().min(most)).unwrap_or_default()).into_owned();
    text.truncate(text.floor_char_boundary(most));
    text
}

fn cut(text: &str, most: usize) -> &[u8] {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default().as_bytes()
}
