//! A shard's numbers as OpenTelemetry metrics:
//! `DISCORD_TOKEN=… cargo run --features native --example opentelemetry [URL] [SECONDS]`.
//!
//! Nothing is counted here: each collection reads the newest `ShardInfo`. They are printed; in a program of yours another
//! exporter takes the place of the one to standard output.

use std::{
    env,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry::{
    KeyValue,
    metrics::{Meter, MeterProvider as _},
};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_stdout::MetricExporter;
use shardwire::{
    driver::CloseMode,
    native,
    proto::{Config, DEFAULT_GATEWAY_URL, Event, Intents, ShardInfo},
};

/// Collections read a copy, as only the task that polls a shard may ask it.
type Newest = Arc<Mutex<ShardInfo>>;
type Read = fn(&ShardInfo) -> u64;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| DEFAULT_GATEWAY_URL.into());
    let seconds = arguments.next().map(|seconds| seconds.parse()).transpose()?;
    let config = Config::builder(env::var("DISCORD_TOKEN")?, Intents::GUILDS).url(url).build()?;
    let (mut shard, handle) = native::connect(config);

    let newest = Arc::new(Mutex::new(shard.info()));
    let provider =
        SdkMeterProvider::builder().with_periodic_exporter(MetricExporter::default()).build();
    observe(&provider.meter("shardwire"), &newest);

    let end = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => pending().await,
        }
        handle.close(CloseMode::EndSession);
        pending::<()>().await;
    };
    let mut refresh = tokio::time::interval(Duration::from_secs(1));
    tokio::pin!(end);
    loop {
        tokio::select! {
            event = shard.next_event() => match event {
                Some(Event::Stopped { reason }) => eprintln!("{reason}"),
                Some(_) => {}
                None => break,
            },
            _ = refresh.tick() => *newest.lock().expect("no panic") = shard.info(),
            () = &mut end => {}
        }
    }
    *newest.lock().expect("no panic") = shard.info();
    // Exports once more.
    provider.shutdown()?;
    Ok(())
}

fn observe(meter: &Meter, newest: &Newest) {
    let label = |info: &ShardInfo| KeyValue::new("shard", i64::from(info.shard.number()));
    let info = Arc::clone(newest);
    meter
        .f64_observable_gauge("shardwire.latency")
        .with_unit("s")
        .with_description("Newest round trip of a heartbeat")
        .with_callback(move |observer| {
            let info = info.lock().expect("no panic");
            if let Some(last) = info.heartbeat.last {
                observer.observe(last.as_secs_f64(), &[label(&info)]);
            }
        })
        .build();
    let info = Arc::clone(newest);
    meter
        .u64_observable_counter("shardwire.events")
        .with_description("Dispatches by their name")
        .with_callback(move |observer| {
            let info = info.lock().expect("no panic");
            for (name, count) in info.events.iter() {
                observer.observe(count, &[label(&info), KeyValue::new("event", name.to_owned())]);
            }
        })
        .build();
    let counters: [(_, Read); 4] = [
        ("shardwire.wire_bytes", |info| info.counters.wire_bytes),
        ("shardwire.identifies", |info| info.counters.identifies),
        ("shardwire.resumes", |info| info.counters.resumes),
        ("shardwire.faults", |info| info.counters.faults),
    ];
    for (name, read) in counters {
        let info = Arc::clone(newest);
        meter
            .u64_observable_counter(name)
            .with_callback(move |observer| {
                let info = info.lock().expect("no panic");
                observer.observe(read(&info), &[label(&info)]);
            })
            .build();
    }
}
