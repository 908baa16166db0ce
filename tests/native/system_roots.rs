//! The operating system's trusted certificates. The store is named by the environment, which belongs to the whole process:
//! this program starts itself again.

use std::{env, fs, process};

use shardwire::{
    native::{ConnectOptions, Tls},
    testing::GatewayOptions,
};
use tokio::process::Command;

use super::{
    support::{Client, address, config, serve, soon},
    tls::Identity,
};

const URL: &str = "SHARDWIRE_TEST_URL";

#[tokio::test]
async fn the_systems_store_is_trusted_and_nothing_else() {
    let server = serve(GatewayOptions::default()).await;
    let identity = Identity::of("localhost");
    let port = identity.in_front_of(address(&server)).await;
    let folder = env::temp_dir().join(format!("shardwire-roots-{}", process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let tell = async |name: &str, text: &str| {
        let store = folder.join(name);
        fs::write(&store, text).expect("a file");
        let mut inner = Command::new(env::current_exe().expect("this program"));
        inner
            .args(["--exact", "system_roots::in_a_process_of_its_own", "--ignored"])
            .env("SSL_CERT_FILE", store)
            .env_remove("SSL_CERT_DIR")
            .env(URL, format!("wss://localhost:{port}"));
        let output = soon(inner.output()).await.expect("it runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let known = tell("known.pem", &identity.0.cert.pem()).await;
    assert!(known.contains("1 passed"), "{known}");
    let other = tell("other.pem", &Identity::of("localhost").0.cert.pem()).await;
    assert!(other.contains("invalid peer certificate"), "{other}");
    let empty = tell("empty.pem", "").await;
    assert!(empty.contains("in the system's store: "), "{empty}");
    fs::remove_dir_all(folder).expect("it is ours");
}

#[tokio::test]
#[ignore = "the test above starts it"]
async fn in_a_process_of_its_own() {
    let url = env::var(URL).expect("the test above starts this one");
    let tls = Tls::system_roots().unwrap_or_else(|error| panic!("{error}"));
    let mut client = Client::using(config(&url), ConnectOptions::new().tls(tls));
    let first_end = client.until(|event| match event {
        shardwire::proto::Event::Disconnected { fault, .. } => Some(fault.to_string()),
        shardwire::proto::Event::Dispatch(_) => Some(String::new()),
        _ => None,
    });
    assert_eq!(first_end.await, "");
}
