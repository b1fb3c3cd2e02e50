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
    /// It cannot do that, and ends.
    Failed {
        /// Why, for people; cut at [`Report::WHY`] bytes.
        what: String,
    },
}

impl Report {
    /// The most bytes of [`Report::Failed`].
    pub const WHY: usize = 1000;
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
            4 => {
                let text = body.get(..body.len().min(Self::WHY)).unwrap_or_default();
                let mut what = String::from_utf8_lossy(text).into_owned();
                what.truncate(what.floor_char_boundary(Self::WHY));
                return Ok(Self::Failed { what });
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
                let end = what.floor_char_boundary(Self::WHY);
                out.put_slice(what.get(..end).unwrap_or_default().as_bytes());
            }
        }
    }
}
