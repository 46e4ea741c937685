//! The machine on a GPU, where there is one: memory, launches, lanes, buckets, refusals.
//!
//! `launch/cuda.sh --tests` builds this program with CUDA and `cargo xtask gpu` runs these tests.
//! Everywhere else they say what they skip.

#[cfg(test)]
mod products;
#[cfg(test)]
mod programs;

use candle_core::{Device, Tensor, Var};
use lockstep_gpu::{self as gpu, CudaMachine, GpuError, Graphs, region};
use lockstep_program::{Machine, MachineError, Region};
use lockstep_testkit::skip;

/// A machine on the first GPU; none where there is no GPU, or no CUDA in the build.
fn machine(graphs: Graphs) -> Option<(Device, CudaMachine)> {
    let opened = gpu::open(0).and_then(|device| {
        let machine = CudaMachine::open(&device, graphs)?;
        Ok((device, machine))
    });
    match opened {
        Ok(opened) => Some(opened),
        Err(error @ (GpuError::NotBuiltIn | GpuError::Missing { .. })) => {
            skip(error);
            None
        }
        Err(error) => {
            assert!(error.to_string().contains("NO_DEVICE"), "{error}");
            skip(error);
            None
        }
    }
}

/// Memory that holds `values`.
fn upload(machine: &mut CudaMachine, values: &[f32]) -> Region {
    let region = machine.allocate(size_of_val(values)).unwrap();
    write(machine, region, values);
    region
}

fn write(machine: &mut CudaMachine, region: Region, values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    machine.write(region, &bytes).unwrap();
}

fn read(machine: &mut CudaMachine, region: Region) -> Vec<f32> {
    let mut bytes = vec![0; region.bytes];
    machine.read(region, &mut bytes).unwrap();
    bytes.chunks_exact(4).map(|value| f32::from_ne_bytes(value.try_into().unwrap())).collect()
}

#[test]
fn what_is_written_is_read() {
    let Some((_device, mut machine)) = machine(Graphs::On) else { return };
    for bytes in [0, 1, 4096, 5000, 5 << 20] {
        let region = machine.allocate(bytes).unwrap();
        let written: Vec<u8> = (0..=250).cycle().take(bytes).collect();
        machine.write(region, &written).unwrap();
        let mut found = vec![0; bytes];
        machine.read(region, &mut found).unwrap();
        assert!(found == written, "{bytes} bytes");
    }
}

#[test]
fn writes_come_in_order_also_when_slots_come_again() {
    let Some((_device, mut machine)) = machine(Graphs::On) else { return };
    let regions: Vec<_> = (0..50).map(|value| upload(&mut machine, &[value as f32; 300])).collect();
    for (value, region) in regions.into_iter().enumerate() {
        assert_eq!(read(&mut machine, region), [value as f32; 300]);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let Some((_device, mut machine)) = machine(Graphs::On) else { return };
    let region = machine.allocate(8).unwrap();
    let refused = |result| assert!(matches!(result, Err(MachineError::Shape { .. })), "{result:?}");
    refused(machine.write(region, &[0; 9]));
    refused(machine.read(region, &mut [0; 9]));
    let huge = machine.allocate(1 << 50);
    assert!(matches!(huge, Err(MachineError::Memory { .. })), "{huge:?}");
}

#[test]
fn a_variable_keeps_its_place() {
    let Some((device, mut machine)) = machine(Graphs::On) else { return };
    let variable = Var::from_vec(vec![1.0_f32, 2.0, 3.0], 3, &device).unwrap();
    let place = region(&variable).unwrap();
    assert_eq!(read(&mut machine, place), [1.0, 2.0, 3.0]);
    variable.set(&Tensor::new(&[4.0_f32, 5.0, 6.0], &device).unwrap()).unwrap();
    assert_eq!(region(&variable).unwrap(), place);
    assert_eq!(read(&mut machine, place), [4.0, 5.0, 6.0]);
    write(&mut machine, place, &[7.0, 8.0, 9.0]);
    assert_eq!(variable.to_vec1::<f32>().unwrap(), [7.0, 8.0, 9.0]);
}

#[test]
fn a_variable_in_the_hosts_memory_has_no_place() {
    let variable = Var::from_vec(vec![1.0_f32], 1, &Device::Cpu).unwrap();
    assert!(matches!(region(&variable), Err(MachineError::Device { .. })));
}

#[test]
fn marks_pass() {
    let Some((_device, mut machine)) = machine(Graphs::On) else { return };
    let marks: Vec<_> = (0..70).map(|_| machine.mark().unwrap()).collect();
    machine.wait(marks[69]).unwrap();
    assert!(machine.has_passed(marks[6]).unwrap());
    assert!(machine.has_passed(marks[5]).is_err(), "it is too old");
}
