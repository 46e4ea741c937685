//! One pool of threads in the process: ours.
//!
//! Candle adds and maps tensors of more than 64 Ki values on a pool of its own, whose threads spin
//! while they wait, as many as the machine has cores. An update meets that pool at each node of the
//! graph, where candle adds a gradient to zeros. Beside other ranks the cores are taken, and each
//! addition waits until all of the pool have had a turn: a tenth of an update on two cores.

/// Tells candle to compute its own operations on the calling thread, unless the user has said how
/// many threads it shall take. To be called before threads are started; elsewhere than on Unix it
/// does nothing.
pub fn keep_candle_on_one_thread() {
    #[cfg(unix)]
    // SAFETY: both strings end with a zero and live for ever, and no other thread reads the
    // environment, since there is none yet.
    #[expect(unsafe_code, reason = "candle reads this number from the environment only")]
    unsafe {
        libc::setenv(c"CANDLE_NUM_THREADS".as_ptr(), c"1".as_ptr(), 0);
    }
}
