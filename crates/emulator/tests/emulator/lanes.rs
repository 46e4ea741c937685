//! Programs: lanes, copies, and what faults say.

use lockstep_emulator::Emulator;
use lockstep_program::{Argument, Item, Lane, Launch, Machine, Span, Work};

use crate::desk::{Desk, floats, op};

/// `fault_twice` from `x` to `y`, 64 values.
fn twice(label: &str, lane: Lane, [x, y]: [Span; 2]) -> Item {
    let launch = Launch {
        kernel: "fault_twice".to_owned(),
        grid: [1, 1],
        threads: 64,
        shared: 0,
        arguments: vec![Argument::Address(x), Argument::Address(y), Argument::I32(64)],
    };
    op(label, lane, Work::Launch(launch))
}

/// Doubles 64 ones five times on one lane, and copies the result twice on the other. With `joined`
/// the other lane waits.
fn two_lanes(seed: u64, joined: bool) -> Vec<f32> {
    let mut desk = Desk::new(seed);
    let chain: Vec<Span> = (0..6).map(|i| desk.add(&format!("chain {i}"), 256)).collect();
    let out = desk.add("out", 256);
    desk.write(chain[0], bytemuck::cast_slice(&[1.0_f32; 64]));
    desk.write(chain[5], &[0; 256]);
    let mut items: Vec<Item> =
        (0..5).map(|i| twice("chain", Lane::Main, [chain[i], chain[i + 1]])).collect();
    items.push(Item::Signal { lane: Lane::Main, event: 0 });
    items.push(Item::Complete { bucket: 0 });
    if joined {
        items.push(Item::Wait { lane: Lane::Side, event: 0 });
    }
    items.push(twice("out", Lane::Side, [chain[5], out]));
    desk.run(items, 1).unwrap();
    floats(&desk.read(out))
}

#[test]
fn a_missing_join_depends_on_the_seed() {
    let results = |joined| (0..8).map(|seed| two_lanes(seed, joined)).collect::<Vec<_>>();
    assert!(results(true).iter().all(|out| *out == [64.0; 64]));
    let without = results(false);
    assert!(without.contains(&vec![64.0; 64]) && without.contains(&vec![0.0; 64]));
}

#[test]
fn events_are_signalled_once_and_before_a_wait() {
    let check = |items: Vec<Item>, expected: &str| {
        let error = Desk::new(0).run(items, 1).unwrap_err();
        assert!(error.starts_with(&format!("program `test` does not fit: {expected}")), "{error}");
    };
    let (signal, wait) =
        (Item::Signal { lane: Lane::Main, event: 0 }, Item::Wait { lane: Lane::Side, event: 0 });
    check(vec![wait.clone(), signal.clone()], "a wait for event 0, which is not signalled before");
    check(vec![signal.clone(), signal], "event 0 is signalled twice");
    check(vec![Item::Signal { lane: Lane::Main, event: 1 }], "event 1 of 1");
    check(vec![wait], "a wait for event 0");
}

#[test]
fn faults_name_the_operation_and_the_buffer() {
    let mut desk = Desk::new(0);
    let (x, y) = (desk.add("x", 256), desk.add("y", 256));
    let item = |x: Span, y: Span| twice("widen", Lane::Main, [x, y]);
    desk.run(vec![item(x, y)], 0).unwrap();
    let error = desk.run(vec![item(x, y.part(128, 128))], 0).unwrap_err();
    let expected = "kernel `fault_twice`, block (0, 0), thread 32: touches byte 256 of buffer `y` of \
                    256 bytes (in `widen`)";
    assert_eq!(error, expected);
}

#[test]
fn copies_stay_inside_of_their_regions() {
    let mut device = Emulator::new(0);
    let region = device.allocate(100).unwrap();
    assert_eq!(region.address % 256, 0);
    let mut bytes = [0; 101];
    Machine::read(&mut device, region, &mut bytes[..100]).unwrap();
    assert_eq!(bytes[..100], [0xff; 100]);
    assert!(Machine::read(&mut device, region, &mut bytes).is_err());
    assert!(Machine::write(&mut device, region, &bytes).is_err());
    let other = Emulator::new(0).allocate(100).unwrap();
    assert!(Machine::read(&mut device, other, &mut bytes[..1]).is_err());
    Machine::write(&mut device, region, &[7; 50]).unwrap();
    Machine::read(&mut device, region, &mut bytes[..51]).unwrap();
    assert_eq!((bytes[49], bytes[50]), (7, 0xff));
    let mark = device.mark().unwrap();
    device.wait(mark).unwrap();
    assert!(device.has_passed(mark).unwrap());
}
