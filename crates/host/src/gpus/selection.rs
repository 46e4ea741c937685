//! Which GPUs a process sees: `CUDA_VISIBLE_DEVICES` as CUDA reads it.
//!
//! The rules are those of the CUDA programming guide, "CUDA environment variables": indices or
//! beginnings of UUIDs; what stands behind an entry that names no GPU is not seen. A GPU that is
//! named twice leaves none, as CUDA then finds no device.

use super::Gpu;

/// Those of `all` that `variable` names, in its order; all where it is not set.
pub(super) fn selected(all: &[Gpu], variable: Option<&str>) -> Vec<Gpu> {
    let Some(list) = variable else { return all.to_vec() };
    let mut seen: Vec<Gpu> = Vec::new();
    for gpu in list.split(',').map_while(|entry| named(all, entry.trim())) {
        if seen.contains(gpu) {
            return Vec::new();
        }
        seen.push(gpu.clone());
    }
    seen
}

/// The GPU an entry names: by its index, or by enough of its UUID to tell it from the others.
fn named<'a>(all: &'a [Gpu], entry: &str) -> Option<&'a Gpu> {
    if let Ok(index) = entry.parse::<u32>() {
        return all.iter().find(|gpu| gpu.index == index);
    }
    let mut matching =
        all.iter().filter(|gpu| entry.starts_with("GPU-") && gpu.uuid.starts_with(entry));
    matching.next().filter(|_| matching.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variable: Option<&str>, expected: &[u32]) {
        let gpu = |(index, uuid): (u32, &str)| Gpu {
            index,
            uuid: uuid.to_owned(),
            name: "a GPU".to_owned(),
            memory_bytes: 1 << 30,
        };
        let all: Vec<Gpu> = (0..).zip(["GPU-a10", "GPU-a11", "GPU-b00"]).map(gpu).collect();
        let seen: Vec<u32> = selected(&all, variable).iter().map(|gpu| gpu.index).collect();
        assert_eq!(seen, expected, "{variable:?}");
    }

    #[test]
    fn the_variable_is_read_as_cuda_reads_it() {
        check(None, &[0, 1, 2]);
        check(Some(""), &[]);
        check(Some("2,0"), &[2, 0]);
        check(Some(" 1 , 2"), &[1, 2]);
        check(Some("-1"), &[]);
        check(Some("0,-1,1"), &[0]);
        check(Some("0,3,1"), &[0]);
        check(Some("0,x,1"), &[0]);
        check(Some("1,1"), &[]);
        check(Some("GPU-b"), &[2]);
        check(Some("GPU-a11,0"), &[1, 0]);
        check(Some("GPU-a1"), &[]);
        check(Some("GPU-c,0"), &[]);
        check(Some("NoDevFiles"), &[]);
    }
}
