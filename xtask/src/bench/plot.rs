//! The picture of the flood's table: a bar for each client. Readable in light and dark, and told in words for those who do not see
//! it.

use std::fmt::Write as _;

use super::{clients::Kind, results::Results};

const WIDTH: f64 = 860.0;
const LABELS: f64 = 330.0;
const ROW: f64 = 20.0;
const GAP: f64 = 26.0;
/// Room for the figure behind the longest bar.
const FIGURES: f64 = 70.0;
/// The picture as SVG. Each host has a scale of its own: what one of them takes says nothing about another.
pub(crate) fn svg(results: &Results) -> String {
    let rows: Vec<_> =
        results.rows.iter().filter_map(|row| Some((&row.client, row.cpu()?))).collect();
    let longest = |host: &str| {
        let own = rows.iter().filter(|(client, _)| client.host == host);
        own.map(|(_, cpu)| *cpu).fold(f64::MIN_POSITIVE, f64::max)
    };
    let mut body = String::new();
    let mut words = String::new();
    let mut y = 34.0;
    let mut host = "";
    for (client, cpu) in &rows {
        if client.host != host {
            host = &client.host;
            y += GAP;
            put(&mut body, &format!(r#"<text class="host" x="8" y="{}">{host}</text>"#, y - 8.0));
        }
        let class = match client.kind {
            Kind::Ours => "ours",
            Kind::Peer => "peer",
            Kind::Bare => "bare",
        };
        let label = format!("{}, {}, {}", client.name, client.codec_name(), client.contract);
        let length = cpu / longest(host) * (WIDTH - LABELS - FIGURES);
        let text = y + 13.0;
        put(
            &mut body,
            &format!(
                r#"<text class="label {class}-label" x="{}" y="{text}">{label}</text>"#,
                LABELS - 8.0
            ),
        );
        put(
            &mut body,
            &format!(
                r#"<rect class="{class}" x="{LABELS}" y="{y}" width="{length:.1}" height="14" rx="2"/>"#
            ),
        );
        let figure = LABELS + length + 6.0;
        put(
            &mut body,
            &format!(r#"<text class="figure" x="{figure:.1}" y="{text}">{cpu:.1}</text>"#),
        );
        put(&mut words, &format!("{host}: {label}: {cpu:.2}."));
        y += ROW;
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {}" role="img" aria-labelledby="title words">
<title id="title">CPU time an event in microseconds; shorter is better; each host has a scale of its own</title>
<desc id="words">{words}</desc>
<style>{STYLE}</style>
<rect class="ground" width="100%" height="100%"/>
<text class="title" x="8" y="24">CPU µs an event, a scale for each host</text>
<rect class="ours" x="420" y="13" width="14" height="14" rx="2"/><text class="figure" x="440" y="25">shardwire</text>
<rect class="peer" x="540" y="13" width="14" height="14" rx="2"/><text class="figure" x="560" y="25">other clients</text>
<rect class="bare" x="680" y="13" width="14" height="14" rx="2"/><text class="figure" x="700" y="25">loops by hand</text>
{body}</svg>
"#,
        y + 12.0
    )
}

fn put(text: &mut String, line: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "{line}");
}

const STYLE: &str = "
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title, .host { font-weight: 600; }
.title { font-size: 14px; }
.label { text-anchor: end; }
.ours-label { font-weight: 600; }
.ground { fill: #ffffff; }
.ours { fill: #4f5bd5; }
.peer { fill: #c2601a; }
.bare { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .ground { fill: #0d1117; }
  .ours { fill: #8a94ff; }
  .peer { fill: #e9954f; }
  .bare { fill: #6e7681; }
}
";
