//! A shard's steps as `tracing` events. Knows nothing of what a message holds, so no token can get into a log.

use tracing::{Level, debug, info, trace, warn};

use crate::{
    driver::Watched,
    proto::{Event, Input, Output, ShardId},
};

/// Shows every step of a shard to `tracing`, under the target `shardwire` with the fields `shard` and `total`: for
/// [`Shard::watch`](crate::driver::Shard::watch).
///
/// Lost connections are warnings, changes of the status and the end are information, everything else is for debugging;
/// messages and waits, which come all the time, are traces.
///
/// ```
/// # #[cfg(feature = "native")]
/// # fn example(config: shardwire::proto::Config) {
/// let (mut shard, _handle) = shardwire::native::connect(config);
/// shard.watch(shardwire::trace::watcher());
/// # }
/// ```
pub fn watcher() -> impl FnMut(ShardId, Watched<'_>) + Send + 'static {
    |shard, step| {
        let (shard, total) = (shard.number(), shard.total());
        // The level of an event is fixed where it is written.
        match level(step) {
            Level::WARN => warn!(target: "shardwire", shard, total, "{}", words(step)),
            Level::INFO => info!(target: "shardwire", shard, total, "{}", words(step)),
            Level::DEBUG => debug!(target: "shardwire", shard, total, "{step}"),
            _ => trace!(target: "shardwire", shard, total, "{step}"),
        }
    }
}

fn level(step: Watched<'_>) -> Level {
    match step {
        Watched::Input(Input::Received(..) | Input::TimePassed)
        | Watched::Output(Output::Transmit(..) | Output::Wait(_)) => Level::TRACE,
        Watched::Output(Output::Event(event)) => match event {
            Event::Disconnected { .. } | Event::Notice(_) => Level::WARN,
            Event::StatusChanged { .. } | Event::Stopped { .. } | Event::Resumed { .. } => {
                Level::INFO
            }
            Event::Dispatch(_) => Level::TRACE,
            _ => Level::DEBUG,
        },
        Watched::Input(_) | Watched::Output(_) => Level::DEBUG,
    }
}

/// What somebody who watches a bot wants to read.
fn words(step: Watched<'_>) -> String {
    match step {
        Watched::Output(Output::Event(Event::Disconnected { fault, .. })) => fault.to_string(),
        Watched::Output(Output::Event(Event::Notice(notice))) => notice.to_string(),
        Watched::Output(Output::Event(Event::Resumed { replayed })) => {
            format!("resumed, {replayed} events came again")
        }
        Watched::Output(Output::Event(Event::StatusChanged { status, previous })) => {
            format!("{} after {}", status.name(), previous.name())
        }
        Watched::Output(Output::Event(Event::Stopped { reason })) => reason.to_string(),
        step => step.to_string(),
    }
}
