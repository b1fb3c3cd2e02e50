use wire::rtcp::Arrival;

use super::*;

const MS: Duration = Duration::from_millis(1);

/// A link of so many bits per second with an endless queue: sends frames at `rate_bps` for `seconds`.
fn run(estimate: &mut Estimate, link_bps: u64, rate_bps: u64, seconds: u64, begin: Instant) -> Instant {
    let (mut now, mut free_at, mut count) = (begin, begin, 0u8);
    for _ in 0..seconds * 10 {
        let base_sequence = estimate.next_number();
        let mut arrivals = Vec::new();
        for _ in 0..3 {
            let packets = (rate_bps / 30 / 8 / 1000).max(1);
            for _ in 0..packets {
                estimate.depart(now, 1000);
                free_at = free_at.max(now) + Duration::from_secs_f64(8000.0 / link_bps as f64);
                arrivals.push(free_at + 20 * MS);
            }
            now += 33 * MS;
        }
        let epoch = begin - Duration::from_secs(100);
        let quarter_ms = |at: Instant| (at - epoch).as_micros() as i64 / 250;
        let reference = arrivals.first().map_or(0, |&at| quarter_ms(at) / 256);
        let mut before = reference * 256;
        let arrivals = arrivals.into_iter().map(|at| {
            let delta = quarter_ms(at) - before;
            before = quarter_ms(at);
            Arrival::After(delta as i16)
        });
        let arrivals = arrivals.collect();
        estimate
            .on_feedback(now, &Twcc { base_sequence, count, reference_64ms: reference as u32 & 0xff_ffff, arrivals });
        count = count.wrapping_add(1);
        now += MS;
    }
    now
}

#[test]
fn a_stream_wider_than_the_link_brings_the_estimate_down_to_it() {
    let begin = Instant::now();
    let mut estimate = Estimate::new(begin);
    let now = run(&mut estimate, 1_000_000, 2_000_000, 5, begin);
    let target = estimate.target_bps(now).unwrap();
    assert!((400_000..1_200_000).contains(&target), "{target}");
    assert!(estimate.is_troubled(now));
}

#[test]
fn a_wide_link_is_recognized_by_the_trains_that_cross_it() {
    let begin = Instant::now();
    let mut estimate = Estimate::new(begin);
    let now = run(&mut estimate, 50_000_000, 2_000_000, 3, begin);
    assert!(estimate.target_bps(now).unwrap() > 8_000_000);
    assert!(estimate.capacity_bps(now).unwrap() > 20_000_000);
}

/// P6.
#[test]
fn silence_is_no_estimate() {
    let begin = Instant::now();
    let mut estimate = Estimate::new(begin);
    assert_eq!(estimate.target_bps(begin), None);
    let now = run(&mut estimate, 5_000_000, 1_000_000, 1, begin);
    assert!(estimate.target_bps(now).is_some());
    assert_eq!(estimate.target_bps(now + STALE), None);
}

#[test]
fn remb_counts_where_there_is_nothing_better() {
    let now = Instant::now();
    let mut estimate = Estimate::new(now);
    estimate.on_report(now, 100, 1_000_000);
    assert_eq!(estimate.target_bps(now), Some(750_000));
    estimate.on_remb(now, 3_000_000);
    estimate.on_report(now, 200, 1_000_000);
    assert_eq!(estimate.target_bps(now), Some(3_000_000));
    let now = run(&mut estimate, 50_000_000, 1_000_000, 1, now);
    estimate.on_remb(now, 60_000);
    assert!(estimate.target_bps(now).unwrap() > 60_000);
}

#[test]
fn feedback_about_packets_that_were_never_sent_is_harmless() {
    let now = Instant::now();
    let mut estimate = Estimate::new(now);
    for base_sequence in [0, 1, 40_000, u16::MAX] {
        let arrivals = vec![Arrival::After(i16::MIN), Arrival::Lost, Arrival::After(i16::MAX)];
        estimate.on_feedback(now, &Twcc { base_sequence, count: 0, reference_64ms: 0xff_ffff, arrivals });
        estimate.depart(now, 1000);
    }
    assert!(estimate.target_bps(now).is_some());
}
