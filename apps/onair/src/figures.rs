use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Installs the recorder that every room of the house counts into; the handle renders `/metrics`.
pub(crate) fn install() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new().install_recorder().context("cannot count")?;
    metrics::describe_gauge!("onair_build_info", "Always 1; the version is a label.");
    metrics::gauge!("onair_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    Ok(handle)
}

/// Keeps the memory of histograms bounded while nobody asks for the figures.
pub(crate) async fn keep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}
