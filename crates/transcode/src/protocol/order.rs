use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Card, Malformed, Message, Pictures, Sound, Still, Unit, end};

/// What the server tells the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// What comes from now on, and what to make of it. The first message; another one replaces it.
    Configure(Job),
    /// The next frame of the source.
    Frame(Unit),
    /// That output shall begin anew as soon as it can: a viewer may start there.
    Keyframe {
        /// Which output.
        output: u8,
    },
}

/// A kind of work, and its particulars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Sound of other sound.
    Sound(Sound),
    /// Pictures of other pictures.
    Pictures(Pictures),
    /// One still of a keyframe.
    Still(Still),
    /// A test card, of nothing.
    Card(Card),
}

impl Job {
    fn parse(mut body: Bytes) -> Result<Self, Malformed> {
        match body.try_get_u8().map_err(|_| Malformed("job"))? {
            1 => Sound::parse(body).map(Self::Sound),
            2 => Pictures::parse(body).map(Self::Pictures),
            3 => Still::parse(body).map(Self::Still),
            4 => Card::parse(body).map(Self::Card),
            _ => Err(Malformed("kind of job")),
        }
    }

    fn write(&self, out: &mut BytesMut) {
        match self {
            Self::Sound(sound) => {
                out.put_u8(1);
                sound.write(out);
            }
            Self::Pictures(pictures) => {
                out.put_u8(2);
                pictures.write(out);
            }
            Self::Still(still) => {
                out.put_u8(3);
                still.write(out);
            }
            Self::Card(card) => {
                out.put_u8(4);
                card.write(out);
            }
        }
    }
}

impl Message for Order {
    fn parse_body(kind: u8, mut body: Bytes) -> Result<Self, Malformed> {
        match kind {
            1 => Job::parse(body).map(Self::Configure),
            2 => Unit::parse(body).map(Self::Frame),
            3 => {
                let output = body.try_get_u8().map_err(|_| Malformed("keyframe"))?;
                end(&body, "keyframe").map(|()| Self::Keyframe { output })
            }
            _ => Err(Malformed("kind of order")),
        }
    }

    fn write_body(&self, out: &mut BytesMut) {
        match self {
            Self::Configure(job) => {
                out.put_u8(1);
                job.write(out);
            }
            Self::Frame(unit) => {
                out.put_u8(2);
                unit.write(out);
            }
            Self::Keyframe { output } => out.put_slice(&[3, *output]),
        }
    }
}
