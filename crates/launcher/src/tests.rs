//! Plans, from made-up surroundings to the command line; and faulty command lines.

use expect_test::{Expect, expect};
use lockstep_host::gpus::Gpu;
use lockstep_host::mpirun::{Flavour, Mpirun};

use super::resources::Slurm;
use super::*;

/// A machine with `gpus` GPUs and four cores, Open MPI and a trainer that speaks MPI.
fn machine(gpus: u32) -> Resources {
    let gpu = |index| Gpu {
        index,
        uuid: format!("GPU-{index}"),
        name: "NVIDIA H200".to_owned(),
        memory_bytes: 139 << 30,
    };
    Resources {
        gpus: Ok((0..gpus).map(gpu).collect()),
        mpirun: Some(Mpirun {
            path: "/usr/bin/mpirun".into(),
            flavour: Flavour::OpenMpi,
            version: "Open MPI 4.1.4".to_owned(),
        }),
        speaks_mpi: true,
        speaks_cuda: true,
        slurm: None,
        cores: 4,
        is_refused_as_root: false,
    }
}

fn slurm(nodes: u64) -> Resources {
    let slurm = Slurm {
        nodes,
        cores_per_task: Some(8),
        cores_per_node: Some(32),
        gpus_per_task: None,
        tasks_per_node: Some(2),
        has_srun: true,
    };
    Resources { slurm: Some(slurm), ..machine(2) }
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn planned(flags: &str, around: &Resources, line: &str) -> String {
    let trainer = Trainer { program: "/opt/trainer".into(), words: words(line) };
    let options = Options::read(options::COMMAND.parse(&words(flags))).unwrap();
    match plan(&options, around, &trainer) {
        Ok(plan) => plan.summary(&trainer),
        Err(error) => format!("{}: {error}", error.code().number()),
    }
}

fn check(flags: &str, around: &Resources, expected: Expect) {
    expected.assert_eq(&planned(flags, around, "train x.toml"));
}

#[test]
fn one_rank_needs_no_starter() {
    check(
        "",
        &machine(0),
        expect![[r#"
            gpus     none visible
            ranks    1: there is no GPU, so one process trains on the CPU
            start    the trainer by itself
            command  /opt/trainer train x.toml
        "#]],
    );
    check(
        "",
        &machine(1),
        expect![[r#"
        gpus     0 NVIDIA H200 (139 GiB, GPU-0)
        ranks    1: one for each GPU
        start    the trainer by itself
        command  /opt/trainer train x.toml
    "#]],
    );
    check(
        "",
        &Resources { speaks_cuda: false, ..machine(1) },
        expect![[r#"
            gpus     0 NVIDIA H200 (139 GiB, GPU-0)
            ranks    1: this build has no CUDA support and cannot use the 1 GPU of this host (launch/cuda.sh builds programs that can), so one process trains on the CPU
            start    the trainer by itself
            command  /opt/trainer train x.toml
        "#]],
    );
    expect![[r#"
        gpus     0 NVIDIA H200 (139 GiB, GPU-0); 1 NVIDIA H200 (139 GiB, GPU-1)
        ranks    1: one process uses all cores
        start    the trainer by itself
        command  /opt/trainer train x.toml --device cpu
    "#]]
    .assert_eq(&planned("", &machine(2), "train x.toml --device cpu"));
}

#[test]
fn a_run_that_replaces_another_is_known_by_its_words() {
    let check = |line: &str, expected: bool| {
        let trainer = Trainer { program: "/opt/trainer".into(), words: words(line) };
        assert_eq!(trainer.replaces(), expected, "{line}");
    };
    check("train --overwrite-output-dir", true);
    check("train --set run.overwrite_output_dir=true --resume never", true);
    check("train --overwrite-output-dir --resume auto", false);
    check("train --overwrite-output-dir=false", false);
    check("train", false);
}

#[test]
fn the_device_is_read_as_the_trainer_reads_it() {
    let folder = std::env::temp_dir().join(format!("launcher-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let check = |text: &str, line: &str, expected: bool| {
        let file = folder.join("x.toml");
        std::fs::write(&file, text).unwrap();
        let words = words(&line.replace("FILE", &file.display().to_string()));
        let trainer = Trainer { program: "/opt/trainer".into(), words };
        assert_eq!(trainer.is_on_cpu(), expected, "{text:?} {line}");
    };
    let on_cpu = "[train]\nseed = 7\n[run]\ndevice = \"cpu\"\n";
    check(on_cpu, "train FILE", true);
    check(on_cpu, "FILE --seed 3 --no-shuffle", true);
    check(on_cpu, "train FILE --device cuda", false);
    check(on_cpu, "train FILE --device=cuda --set run.device=cpu", true);
    check("", "train FILE --set device=cpu", true);
    check("", "train --device cpu FILE", true);
    check("", "train FILE --output-dir cpu", false);
    check("device = \"cpu\"\n", "train FILE", false);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn one_rank_a_gpu_under_mpirun() {
    check(
        "",
        &machine(2),
        expect![[r#"
        gpus     0 NVIDIA H200 (139 GiB, GPU-0); 1 NVIDIA H200 (139 GiB, GPU-1)
        ranks    2: one for each GPU
        start    by Open MPI's mpirun
        command  /usr/bin/mpirun -n 2 --tag-output --oversubscribe --bind-to none --mca oob_tcp_keepalive_time 4 --mca oob_tcp_keepalive_intvl 1 --mca oob_tcp_keepalive_probes 3 /opt/trainer train x.toml
    "#]],
    );
    check(
        "--nproc-per-node 6",
        &machine(0),
        expect![[r#"
        gpus     none visible
        ranks    6: as --nproc-per-node says
        start    by Open MPI's mpirun
        command  /usr/bin/mpirun -n 6 --tag-output --oversubscribe --bind-to none --mca oob_tcp_keepalive_time 4 --mca oob_tcp_keepalive_intvl 1 --mca oob_tcp_keepalive_probes 3 --mca mpi_yield_when_idle 1 /opt/trainer train x.toml
    "#]],
    );
    check(
        "",
        &Resources { is_refused_as_root: true, ..machine(2) },
        expect![[r#"
        2: mpirun does not start ranks as root
          hint: start it as another user, or set OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 (in a container), or pass --start local"#]],
    );
}

#[test]
fn without_mpi_the_launcher_starts_the_ranks() {
    check(
        "",
        &Resources { mpirun: None, ..machine(2) },
        expect![[r#"
        gpus     0 NVIDIA H200 (139 GiB, GPU-0); 1 NVIDIA H200 (139 GiB, GPU-1)
        ranks    2: one for each GPU
        start    by the launcher, which picks a free PORT
        command  RANK=0 LOCAL_RANK=0 WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=PORT /opt/trainer train x.toml
        command  RANK=1 LOCAL_RANK=1 WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=PORT /opt/trainer train x.toml
    "#]],
    );
    check(
        "",
        &Resources { speaks_mpi: false, ..machine(2) },
        expect![[r#"
        gpus     0 NVIDIA H200 (139 GiB, GPU-0); 1 NVIDIA H200 (139 GiB, GPU-1)
        ranks    2: one for each GPU
        start    by the launcher, which picks a free PORT
        command  RANK=0 LOCAL_RANK=0 WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=PORT /opt/trainer train x.toml
        command  RANK=1 LOCAL_RANK=1 WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=PORT /opt/trainer train x.toml
    "#]],
    );
    check(
        "--start local --nproc-per-node 2",
        &machine(0),
        expect![[r#"
        gpus     none visible
        ranks    2: as --nproc-per-node says
        start    by the launcher, which picks a free PORT
        command  RANK=0 LOCAL_RANK=0 WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=PORT /opt/trainer train x.toml
        command  RANK=1 LOCAL_RANK=1 WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=PORT /opt/trainer train x.toml
    "#]],
    );
    check(
        "--start mpirun",
        &Resources { mpirun: None, ..machine(2) },
        expect![[r#"
        4: --start mpirun needs mpirun, which is not on the PATH
          hint: install Open MPI (Debian: openmpi-bin), or pass --start local"#]],
    );
}

#[test]
fn several_machines_are_slurms() {
    check(
        "",
        &slurm(2),
        expect![[r#"
        gpus     0 NVIDIA H200 (139 GiB, GPU-0); 1 NVIDIA H200 (139 GiB, GPU-1)
        ranks    4: 2 on each of 2 machines, one for each GPU
        start    by Slurm's srun
        command  srun --nodes=2 --ntasks=4 --ntasks-per-node=2 --cpus-per-task=8 --mpi=pmix --kill-on-bad-exit=1 --label /opt/trainer train x.toml
    "#]],
    );
    check(
        "--nproc-per-node 4 --nnodes 3",
        &slurm(1),
        expect![[r#"
        gpus     0 NVIDIA H200 (139 GiB, GPU-0); 1 NVIDIA H200 (139 GiB, GPU-1)
        ranks    12: 4 on each of 3 machines, as --nproc-per-node says
        start    by Slurm's srun
        command  srun --nodes=3 --ntasks=12 --ntasks-per-node=4 --cpus-per-task=8 --mpi=pmix --kill-on-bad-exit=1 --label /opt/trainer train x.toml
    "#]],
    );
}

/// The words for `srun` of a job that asked for so many `cores` and `gpus` for each of its `tasks`.
fn srun_words((tasks, cores): (u64, u64), gpus: Option<(&str, u64)>, flags: &str) -> String {
    let around = slurm(2);
    let job = Slurm {
        nodes: 2,
        cores_per_task: Some(cores),
        cores_per_node: Some(tasks * cores),
        gpus_per_task: gpus.map(|(kind, count)| (kind.to_owned(), count)),
        tasks_per_node: Some(tasks),
        has_srun: true,
    };
    let told = planned(flags, &Resources { slurm: Some(job), ..around }, "x.toml");
    let (_, words) = told.split_once("srun --nodes=2 ").unwrap();
    words.split_once(" --mpi").unwrap().0.to_owned()
}

#[test]
fn ranks_share_what_a_job_asked_for_its_tasks() {
    let check = |job, gpus, flags: &str, expected: &str| {
        assert_eq!(srun_words(job, gpus, flags), expected, "{job:?} {gpus:?} {flags}");
    };
    let two = "--ntasks=4 --ntasks-per-node=2";
    check((1, 8), None, "", &format!("{two} --cpus-per-task=4"));
    check((2, 8), None, "", &format!("{two} --cpus-per-task=8"));
    check((4, 8), None, "", &format!("{two} --cpus-per-task=8"));
    let three = "--ntasks=6 --ntasks-per-node=3";
    check((1, 8), None, "--nproc-per-node 3", &format!("{three} --cpus-per-task=2"));
    check((1, 1), None, "", &format!("{two} --cpus-per-task=1"));
    check((1, 8), Some(("", 2)), "", &format!("{two} --cpus-per-task=4 --gpus-per-task=1"));
    let of_a_kind = format!("{two} --cpus-per-task=4 --gpus-per-task=a100:2");
    check((1, 8), Some(("a100:", 4)), "", &of_a_kind);
    check((2, 8), Some(("", 1)), "", &format!("{two} --cpus-per-task=8"));
}

#[test]
fn a_job_of_one_task_may_have_several_ranks() {
    let job = Slurm { cores_per_node: Some(4), ..slurm(1).slurm.unwrap() };
    let job = Slurm { cores_per_task: Some(4), tasks_per_node: Some(1), ..job };
    check(
        "--nproc-per-node 2",
        &Resources { slurm: Some(job), ..machine(0) },
        expect![[r#"
        gpus     none visible
        ranks    2: as --nproc-per-node says
        start    by Open MPI's mpirun
        command  /usr/bin/mpirun -n 2 --tag-output --oversubscribe --bind-to none --mca oob_tcp_keepalive_time 4 --mca oob_tcp_keepalive_intvl 1 --mca oob_tcp_keepalive_probes 3 --mca ras_slurm_use_entire_allocation 1 /opt/trainer train x.toml
    "#]],
    );
}

#[test]
fn machines_without_slurm_have_a_launcher_each() {
    let check = |flags: &str, line: &str, expected: Expect| {
        expected.assert_eq(&planned(&format!("{flags} --master-addr h0"), &machine(2), line));
    };
    check(
        "--nnodes 2 --node-rank 1",
        "train x.toml",
        expect![[r#"
            gpus     0 NVIDIA H200 (139 GiB, GPU-0); 1 NVIDIA H200 (139 GiB, GPU-1)
            ranks    4: 2 on each of 2 machines, one for each GPU
            start    by a launcher on each machine, which numbers its ranks
            command  /opt/trainer train x.toml
        "#]],
    );
    check(
        "--nnodes 2:4 --nproc-per-node 1",
        "train x.toml --global-batch-size 32",
        expect![[r#"
            gpus     0 NVIDIA H200 (139 GiB, GPU-0); 1 NVIDIA H200 (139 GiB, GPU-1)
            ranks    4: 1 on each of 4 machines, as --nproc-per-node says
            start    by a launcher on each machine, which numbers its ranks
            command  /opt/trainer train x.toml --global-batch-size 32
        "#]],
    );
    check(
        "--nnodes 2:4",
        "train x.toml",
        expect![[r#"
        2: --nnodes 2:4 needs a global batch that does not depend on the number of machines
          hint: pass --global-batch-size N to the trainer"#]],
    );
    check(
        "--nnodes 2 --node-rank 2",
        "train x.toml",
        expect!["2: --node-rank 2 is not below the 2 machines of --nnodes; nodes count from 0"],
    );
}

#[test]
fn what_cannot_be_started_says_what_can() {
    check(
        "--nnodes 2",
        &machine(2),
        expect![[r#"
            2: --nnodes 2 needs a Slurm job with srun, and this is not one
              hint: start a launcher on each machine with --node-rank and --master-addr, or start the ranks with mpirun and a hostfile, or with the files in launch/"#]],
    );
    check(
        "--start srun",
        &machine(2),
        expect![[r#"
        2: --start srun needs a Slurm job with srun, and this is not one
          hint: start the launcher in a job of sbatch or salloc"#]],
    );
    check(
        "",
        &Resources { gpus: Ok(Vec::new()), ..slurm(4) },
        expect![[r#"
            gpus     none visible
            ranks    1: there is no GPU, so one process trains on the CPU
            start    the trainer by itself
            command  /opt/trainer train x.toml
        "#]],
    );
}

fn launched(line: &str) -> Result<String, Failure> {
    let process = Process { arguments: words(line), ..Process::default() };
    let mut out = Vec::new();
    launch(&process, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn a_dry_run_shows_the_command() {
    let told = launched("--dry-run --nproc-per-node 1 -- train it's.toml --seed 3").unwrap();
    assert!(told.ends_with("/trainer train 'it'\\''s.toml' --seed 3\n"), "{told}");
}

#[test]
fn help_and_version_start_nothing() {
    let told = launched("--sed --help -- train x.toml").unwrap();
    assert!(told.contains("  --nproc-per-node <auto|N>"), "{told}");
    let told = launched("--help=nnodes").unwrap();
    assert!(told.starts_with("--nnodes auto|N|MIN:MAX\n  machines; auto: "), "{told}");
    assert_eq!(launched("-V").unwrap(), format!("lockstep {}\n", env!("CARGO_PKG_VERSION")));
}

fn check_faulty(line: &str, expected: Expect) {
    let failure = launched(line).unwrap_err();
    assert_eq!(failure.code(), ExitCode::Usage, "{line}");
    expected.assert_eq(&failure.to_string());
}

#[test]
fn launchers_of_several_machines_say_how_many_there_are() {
    check_faulty(
        "--master-addr h0 -- train x.toml",
        expect![[r#"
        one fault in the configuration:
          --master-addr h0
              this needs --nnodes N or --nnodes MIN:MAX; say how many machines there are"#]],
    );
    check_faulty(
        "--master-addr h0 --nnodes 2 --start mpirun -- train x.toml",
        expect![[r#"
        one fault in the configuration:
          --master-addr h0
              this needs --start local; a launcher on each machine starts its ranks itself"#]],
    );
}

#[test]
fn what_stands_behind_the_border_is_a_training() {
    check_faulty(
        "",
        expect![[r#"
            one fault in the configuration:
              launcher … --
                  required, but not given; valid: -- train CONFIG.toml and its flags"#]],
    );
    check_faulty(
        "-- predict x",
        expect![[r#"
            one fault in the configuration:
              launcher … -- predict x
                  the launcher starts trainings only; run other commands without it: trainer predict x"#]],
    );
    check_faulty(
        "-- train x.toml --dry-run --nproc_per_node=2 --num-processes 3 --seed 1",
        expect![[r#"
            3 faults in the configuration:
              launcher … -- … --dry-run
                  this is a flag of the launcher; pass it before `--`
              launcher … -- … --nproc_per_node=2
                  this is a flag of the launcher; pass it before `--`
              launcher … -- … --num-processes
                  this is a flag of the launcher; pass it before `--`"#]],
    );
}

#[test]
fn a_flag_that_may_be_the_trainers_is_sent_behind_the_border() {
    check_faulty(
        "--deterministic --nproc-per-nod 2 -- train x.toml",
        expect![[r#"
        2 faults in the configuration:
          --deterministic
              there is no such flag; pass flags of the trainer after `--`; --help lists all flags
          --nproc-per-nod
              there is no such flag; did you mean `--nproc-per-node`?"#]],
    );
}

#[test]
fn faulty_command_lines_say_what_is_valid() {
    check_faulty(
        "train x.toml",
        expect![[r#"
            2 faults in the configuration:
              train
                  unexpected argument; the trainer's arguments go after `--`
              x.toml
                  unexpected argument; the trainer's arguments go after `--`"#]],
    );
    check_faulty(
        "--nnodes 0 --max-restart 1 --start slurm -- train x.toml",
        expect![[r#"
            3 faults in the configuration:
              --nnodes 0
                  this value is not valid; valid: auto, a whole number from 1 to 100000, or the fewest and the most as 2:4
              --max-restart
                  there is no such flag; did you mean `--max-restarts`?
              --start slurm
                  this value is not valid; valid: auto, mpirun, srun or local"#]],
    );
    check_faulty(
        "--gpus 2 --nodes 1 --rdzv-backend c10d -n 2 -- train x.toml",
        expect![[r#"
            3 faults in the configuration:
              --gpus
                  there is no such flag; did you mean `--nproc-per-node`?
              --rdzv-backend
                  there is no such flag; leave it out: ranks read it from the environment that torchrun, mpirun, srun or the launcher sets
              -n
                  there is no such flag; did you mean `--nproc-per-node`?"#]],
    );
}
