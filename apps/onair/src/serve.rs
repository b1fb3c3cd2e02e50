use config::Config;
use tracing::info;

use crate::greeting::{self, Greeting};
use crate::{figures, files, logging, stop};

/// Runs the server until it is told to stop.
#[tokio::main]
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    let for_people = logging::start(&config.log);
    let files = files::raise_limit();
    let metrics = figures::install()?;
    let mut requests = stop::Requests::listen()?;
    info!(version = env!("CARGO_PKG_VERSION"), files, "started");
    if for_people {
        let greeting = Greeting {
            http: config.http.listen,
            rtmp: config.rtmp.listen,
            loopback_publishes: config.access.loopback_publishes,
            has_keys: !config.access.publish.is_empty(),
        };
        eprintln!("{}", greeting.text(greeting::outside()));
    }
    tokio::spawn(figures::keep(metrics));
    let name = requests.next().await;
    info!(signal = name, "stopping");
    Ok(())
}
