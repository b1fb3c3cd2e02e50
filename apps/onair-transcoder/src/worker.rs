use transcode::protocol::{Job, Order, Report};

use crate::pictures::Devices;
use crate::pipe::Mouth;
use crate::{Error, card, pictures, sound, still};

/// Does what the server orders.
pub struct Worker {
    mouth: Mouth,
    devices: Devices,
    bench: Option<Bench>,
    taken: u64,
    damaged: u64,
}

/// What is being worked on, by kind of work.
enum Bench {
    Sound(Box<sound::Bench>),
    Still(Box<still::Bench>),
    Card(Box<card::Bench>),
    Pictures(Box<pictures::Bench>),
}

impl Worker {
    /// One that tells there what it makes, with these.
    pub fn new(mouth: Mouth, devices: Devices) -> Self {
        Self { mouth, devices, bench: None, taken: 0, damaged: 0 }
    }

    /// Carries an order out. An error is the end: this worker is of no use.
    pub fn handle(&mut self, order: Order) -> Result<(), Error> {
        match order {
            Order::Configure(job) => self.configure(job),
            Order::Frame(unit) => {
                let mut reports = Vec::new();
                let outcome = match &mut self.bench {
                    None => return Err(Error("a frame of nothing".into())),
                    Some(Bench::Sound(bench)) => bench.take(unit, &mut reports),
                    Some(Bench::Still(bench)) => bench.take(&unit, &mut reports),
                    Some(Bench::Card(bench)) => bench.take(&unit, &mut reports),
                    Some(Bench::Pictures(bench)) => {
                        bench.look_after()?;
                        bench.take(&unit)
                    }
                };
                self.taken += 1;
                self.damaged += u64::from(outcome.is_err());
                reports.push(Report::Progress { taken: self.taken, damaged: self.damaged });
                self.tell(&reports)
            }
            Order::Keyframe { output } => {
                // Sound can be begun at any frame.
                if let Some(Bench::Pictures(bench)) = &mut self.bench {
                    bench.keyframe(output);
                }
                Ok(())
            }
        }
    }

    /// There is no order to carry out just now.
    pub fn rested(&mut self) {
        if let Some(Bench::Pictures(bench)) = &mut self.bench {
            bench.rested();
        }
    }

    fn configure(&mut self, job: Job) -> Result<(), Error> {
        let mut reports = Vec::new();
        match self.bench.take() {
            None | Some(Bench::Still(_) | Bench::Card(_)) => {}
            Some(Bench::Sound(mut before)) => before.end(&mut reports),
            Some(Bench::Pictures(before)) => before.finish(),
        }
        self.tell(&reports)?;
        self.bench = Some(match job {
            Job::Sound(job) => Bench::Sound(Box::new(sound::Bench::new(job)?)),
            Job::Still(job) => Bench::Still(Box::new(still::Bench::new(job)?)),
            Job::Card(job) => Bench::Card(Box::new(card::Bench::new(job)?)),
            Job::Pictures(job) => {
                Bench::Pictures(Box::new(pictures::Bench::new(job, self.mouth.clone(), &self.devices)?))
            }
        });
        Ok(())
    }

    fn tell(&self, reports: &[Report]) -> Result<(), Error> {
        Ok(reports.iter().try_for_each(|report| self.mouth.say(report))?)
    }
}
