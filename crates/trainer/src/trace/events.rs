//! Spans as Chrome's trace events, which Perfetto and `chrome://tracing` open: a process a rank, a thread
//! a lane.

use serde_json::{Value, json};

use super::clock::Clock;
use super::{Lane, Span, Spans, UPDATES};

const LANES: [(Lane, &str); 3] = [
    (Lane::Loop, "updates"),
    (Lane::Reduction, "sums over ranks"),
    (Lane::Writer, "checkpoint writer"),
];

/// The trace of all ranks, an event a line; the first span begins at 0.
pub(super) fn json(ranks: &[Spans], clock: &Clock) -> String {
    let placed = |(rank, spans): (usize, &Spans)| -> Vec<(usize, Span, [f64; 2])> {
        let on_leader = |moment: u64| clock.on_leader(rank, moment) / 1e3;
        let place = |span: &Span| (rank, span.clone(), [span.start, span.end].map(on_leader));
        spans.spans.iter().map(place).collect()
    };
    let mut all: Vec<_> = ranks.iter().enumerate().flat_map(placed).collect();
    let zero = all.iter().map(|(_, _, [start, _])| *start).fold(f64::INFINITY, f64::min);
    // Of two spans that begin together the longer one holds the other.
    all.sort_by(|(rank, one, a), (other, two, b)| {
        let place = (rank, one.lane).cmp(&(other, two.lane));
        place.then(a[0].total_cmp(&b[0])).then(b[1].total_cmp(&a[1]))
    });
    let mut events: Vec<Value> = (0..ranks.len()).flat_map(names).collect();
    events
        .extend(all.iter().map(|(rank, span, times)| event(*rank, span, times.map(|t| t - zero))));
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    let other = json!({
        "program": format!("lockstep {}", env!("CARGO_PKG_VERSION")),
        "updates": format!("the first {UPDATES} of the process"),
        "clock error in us": round(clock.error() / 1e3),
        "spans not kept": ranks.iter().map(|spans| spans.dropped).fold(0, u64::saturating_add),
    });
    format!(
        "{{\"displayTimeUnit\":\"ms\",\"otherData\":{other},\"traceEvents\":[\n{}\n]}}\n",
        lines.join(",\n")
    )
}

/// The names of a rank and its lanes.
fn names(rank: usize) -> Vec<Value> {
    let named = |what: &str, lane: usize, name: String| json!({"ph": "M", "pid": rank, "tid": lane, "name": what, "args": {"name": name}});
    let order = json!({
        "ph": "M", "pid": rank, "tid": 0, "name": "process_sort_index", "args": {"sort_index": rank},
    });
    let mut names = vec![named("process_name", 0, format!("rank {rank}")), order];
    names.extend(
        LANES.iter().map(|(lane, name)| named("thread_name", number(*lane), (*name).into())),
    );
    names
}

fn event(rank: usize, span: &Span, [start, end]: [f64; 2]) -> Value {
    json!({
        "ph": "X", "pid": rank, "tid": number(span.lane), "name": span.name, "cat": "lockstep",
        "ts": round(start), "dur": round(round(end) - round(start)), "args": {"update": span.update},
    })
}

fn number(lane: Lane) -> usize {
    LANES.iter().position(|(other, _)| *other == lane).unwrap_or(0)
}

/// Microseconds with three digits behind the point, which are nanoseconds.
fn round(us: f64) -> f64 {
    if us.is_finite() { (us * 1e3).round() / 1e3 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn an_event_is_a_line_and_the_holding_span_comes_first() {
        let span = |lane, name: &str, start, end| Span {
            lane,
            name: name.to_owned(),
            update: 1,
            start,
            end,
        };
        let spans = vec![
            span(Lane::Loop, "data", 5_000, 7_000),
            span(Lane::Reduction, "sum block 1", 6_000, 8_500),
            span(Lane::Loop, "update", 5_000, 10_000),
        ];
        let text = json(&[Spans { spans, dropped: 2 }], &Clock::default());
        expect![[r#"
            {"displayTimeUnit":"ms","otherData":{"clock error in us":0.0,"program":"lockstep 0.1.0","spans not kept":2,"updates":"the first 10 of the process"},"traceEvents":[
            {"args":{"name":"rank 0"},"name":"process_name","ph":"M","pid":0,"tid":0},
            {"args":{"sort_index":0},"name":"process_sort_index","ph":"M","pid":0,"tid":0},
            {"args":{"name":"updates"},"name":"thread_name","ph":"M","pid":0,"tid":0},
            {"args":{"name":"sums over ranks"},"name":"thread_name","ph":"M","pid":0,"tid":1},
            {"args":{"name":"checkpoint writer"},"name":"thread_name","ph":"M","pid":0,"tid":2},
            {"args":{"update":1},"cat":"lockstep","dur":5.0,"name":"update","ph":"X","pid":0,"tid":0,"ts":0.0},
            {"args":{"update":1},"cat":"lockstep","dur":2.0,"name":"data","ph":"X","pid":0,"tid":0,"ts":0.0},
            {"args":{"update":1},"cat":"lockstep","dur":2.5,"name":"sum block 1","ph":"X","pid":0,"tid":1,"ts":1.0}
            ]}
        "#]]
        .assert_eq(&text);
    }
}
