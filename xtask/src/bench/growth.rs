//! Cost as work grows: more shards in one process, and larger messages. Each amount has a server of its own, which is encoded anew.

use anyhow::Result;

use super::{
    replay::Replay,
    results::{Results, Row},
    run::{self, Places, Sized},
};
use crate::progress::Step;

/// Shards in one process, and in one instance of the module.
const SHARDS: [u32; 4] = [1, 10, 100, 1000];
/// Events that all shards of a process read together, so that few shards are measured as long as many.
const EVENTS: u32 = 200_000;
/// Bytes of each, about the mean of the trace. No guild goes before them: what is told of guilds would be most of
/// the memory.
const EACH: u64 = 900;
/// Bytes of a message, as JSON: the last is the most that clients take, less what goes around it.
const SIZES: [u64; 6] = [100, 1000, 10_000, 100_000, 1_000_000, 16_000_000];
/// Bytes that all messages of one size come to, but for the small ones.
const VOLUME: u64 = 64_000_000;
const MOST_MESSAGES: u64 = 50_000;

/// Every client that is in `growth`.
pub(crate) fn measure(places: &Places, seed: u64, results: &mut Results) -> Result<()> {
    for shards in SHARDS {
        Step::run(&format!("{shards} shards in one process"), |step| {
            let replay = serve(places, seed, u64::from(EVENTS / shards), EACH)?;
            for row in chosen(results) {
                step.show(&row.client.to_string());
                match run::many(places, &row.client, &replay, shards) {
                    Ok(many) => row.many.push(many),
                    Err(error) => row.fail(&error),
                }
            }
            Ok(())
        })?;
    }
    for bytes in SIZES {
        Step::run(&format!("Messages of {bytes} bytes"), |step| {
            let events = (VOLUME / bytes).min(MOST_MESSAGES);
            let replay = serve(places, seed, events, bytes)?;
            for row in chosen(results) {
                step.show(&row.client.to_string());
                match run::flood(places, &row.client, &replay) {
                    Ok(run) => row.sized.push(sized(bytes, run.cpu)),
                    Err(error) => row.fail(&error),
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn chosen(results: &mut Results) -> impl Iterator<Item = &mut Row> {
    results.rows.iter_mut().filter(|row| row.client.is_in("growth"))
}

fn serve(places: &Places, seed: u64, events: u64, bytes: u64) -> Result<Replay> {
    let arguments = [
        format!("--seed={seed}"),
        format!("--events={events}"),
        "--guilds=0".into(),
        "--codec=json/zlib-stream".into(),
        format!("--message-bytes={bytes}"),
    ];
    Replay::start(&places.program("bench-server"), &arguments)
}

#[expect(clippy::cast_precision_loss, reason = "some million bytes")]
fn sized(bytes: u64, cpu: f64) -> Sized {
    Sized { bytes, cpu_per_mb: cpu / bytes as f64 * 1e6 }
}
