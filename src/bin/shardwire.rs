//! The `shardwire` command: reads the arguments and hands over. Never does any of the work, and never prints a token.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Parser, Subcommand, error::ErrorKind};

#[path = "shardwire/arguments.rs"]
mod arguments;
#[path = "shardwire/gateway.rs"]
mod gateway;
#[path = "shardwire/glance.rs"]
mod glance;
#[path = "shardwire/output.rs"]
mod output;
#[path = "shardwire/queue.rs"]
mod queue;
#[path = "shardwire/recorder.rs"]
mod recorder;
#[path = "shardwire/scrub.rs"]
mod scrub;
#[path = "shardwire/stop.rs"]
mod stop;
#[path = "shardwire/summary.rs"]
mod summary;
#[path = "shardwire/tail.rs"]
mod tail;

use self::{arguments::TailArgs, gateway::GatewayArgs, queue::QueueArgs};

/// Watch a Discord Gateway connection, run a Gateway of your own to test against, or an identify queue for many processes.
#[derive(Parser)]
#[command(name = "shardwire", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Tail(Box<TailArgs>),
    Gateway(GatewayArgs),
    Queue(QueueArgs),
}

/// The arguments or the configuration are no good.
const USAGE: u8 = 2;
/// The work could not be done.
const FAILURE: u8 = 1;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(FAILURE, &format!("no runtime: {error}")),
    };
    let code = runtime.block_on(run(cli.command));
    // A look-up of a host name that hangs shall not hold up the end.
    runtime.shutdown_background();
    code
}

async fn run(command: Command) -> ExitCode {
    match command {
        Command::Tail(args) => match tail::run(*args).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(tail::Failure::Usage(why)) => refuse(USAGE, &why),
            Err(tail::Failure::Stopped(why)) => refuse(FAILURE, &why),
        },
        Command::Gateway(args) => conclude(gateway::run(args).await),
        Command::Queue(args) => conclude(queue::run(args).await),
    }
}

/// How a service ended. What can go wrong with it are its arguments.
fn conclude(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(USAGE, &format!("{error:#}")),
    }
}

fn refuse(code: u8, why: &str) -> ExitCode {
    // If standard error is gone, there is nobody to tell.
    let _ = writeln!(io::stderr(), "error: {why}");
    ExitCode::from(code)
}

/// Prints what clap has to say: help, the version, or what is wrong. It repeats words of the command line, one of which may
/// be a token in the wrong place.
fn explain(error: &clap::Error) -> ExitCode {
    let is_mistake = error.use_stderr();
    if !is_mistake || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(if is_mistake { USAGE } else { 0 });
    }
    let words = std::env::args().skip(1).chain(std::env::var("DISCORD_TOKEN"));
    let text = conceal(error.to_string(), &words.collect::<Vec<_>>());
    let _ = write!(io::stderr(), "{text}");
    ExitCode::from(USAGE)
}

/// Takes words out of `text` that look like tokens: long, with dots.
fn conceal(text: String, words: &[String]) -> String {
    const SHORTEST: usize = 20;
    let words = words.iter().map(|word| word.split_once('=').map_or(&**word, |(_, value)| value));
    words
        .filter(|word| word.len() >= SHORTEST && word.contains('.'))
        .fold(text, |text, word| text.replace(word, "(hidden)"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_token_in_the_wrong_place_is_not_repeated() {
        let token = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs";
        for args in [
            vec!["shardwire", "tail", token],
            vec!["shardwire", token],
            vec!["shardwire", "tail", "--shard", token],
        ] {
            let error = Cli::try_parse_from(&args).err().expect("a mistake").to_string();
            let words: Vec<_> = args.into_iter().map(str::to_owned).collect();
            assert!(error.contains(token));
            assert!(!conceal(error, &words).contains(token));
        }
        let option = format!("--shard={token}");
        let error = Cli::try_parse_from(["shardwire", "tail", &option]).err().expect("a mistake");
        assert!(!conceal(error.to_string(), &[option]).contains(token));
    }
}
