use media::{Codec, Frame, Time};
use onair_transcoder::sound::{Decoder, Mixer, RATE};
use transcode::protocol::sound::Input;

/// Where beeps begin in a track, as times: decoded, and found by their loudness.
pub(crate) fn of(codec: &Codec, frames: &[Frame]) -> Vec<Time> {
    let mut decoder = Decoder::open(&Input::of(codec).unwrap()).unwrap();
    let mut mixer = Mixer::default();
    let mut beeps = Vec::new();
    // Samples since it was last loud.
    let mut quiet = i64::from(RATE);
    for frame in frames {
        let outcome = decoder.decode(frame.dts, &frame.payload, |at, piece| {
            // What was kept back sounds first.
            let begin = at.to_ticks(RATE) - mixer.delay();
            let mut sound = Vec::new();
            mixer.mix(piece, &mut sound)?;
            for (n, sample) in sound.chunks(2).enumerate() {
                if sample[0].abs() > 0.1 {
                    if quiet > i64::from(RATE) / 5 {
                        beeps.push(Time::from_ticks(begin + n as i64, RATE));
                    }
                    quiet = 0;
                }
                quiet += 1;
            }
            Ok(())
        });
        outcome.unwrap();
    }
    beeps
}

/// A tenth of a second of 1 kHz at the beginning of every second.
pub(crate) fn sample(at: i64) -> f32 {
    let rate = i64::from(RATE);
    let phase = (at % 48) as f32 / 48.0 * std::f32::consts::TAU;
    if at.rem_euclid(rate) < rate / 10 { phase.sin() * 0.5 } else { 0.0 }
}
