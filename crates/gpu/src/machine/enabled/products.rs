//! Products by cublasLt, planned once.
//!
//! NVIDIA promises equal bits where the library's version, the card, the algorithm and the workspace are
//! the same. So each lane has a workspace of its own, of a fixed size; the heuristic is asked when a
//! program is loaded, never while one is captured; its first answer is kept and passed explicitly.

use std::mem::zeroed;

use candle_core::cuda_backend::cudarc::cublaslt::result::{CublasError, matmul};
use candle_core::cuda_backend::cudarc::cublaslt::sys::{
    cublasLtMatmulAlgo_t, cublasLtMatmulAlgoGetHeuristic, cublasLtMatmulHeuristicResult_t,
    cublasLtMatmulPreferenceAttributes_t as Preferred, cublasLtReductionScheme_t, cublasStatus_t,
};
use candle_core::cuda_backend::cudarc::driver::CudaStream;
use lockstep_program::{MachineError, Memory, Product, Span};

use super::super::columns::{ColumnProduct, alignment, column_major};
use super::failure::{device, library};
use super::handles::{Description, Handle, Layout, Preference};

/// What a product may use beside its operands: of each lane.
pub(super) const WORKSPACE: usize = 32 << 20;
/// Answers that the heuristic is asked for.
const ANSWERS: i32 = 8;

/// A product that is ready.
pub(super) struct Planned {
    label: String,
    description: Description,
    layouts: Layouts,
    addresses: Addresses,
    beta: f32,
    algorithm: cublasLtMatmulAlgo_t,
}

struct Layouts {
    a: Layout,
    b: Layout,
    /// Of both C and D: a product in place has to have one layout for both, says NVIDIA.
    d: Layout,
}

struct Addresses {
    a: u64,
    b: u64,
    c: u64,
    d: u64,
}

impl Planned {
    /// Chooses the algorithm for `product`: the heuristic's first answer.
    pub(super) fn new(
        handle: &Handle,
        label: &str,
        product: &Product,
        memory: &Memory,
    ) -> Result<Self, MachineError> {
        Self::choosing(handle, label, product, 0, memory)?.ok_or_else(|| {
            let none = format!("cublasLt has no algorithm for {product:?}");
            device(label, none)
        })
    }

    /// `product` with the answer of this number, counted from 0; none where there are fewer.
    pub(super) fn choosing(
        handle: &Handle,
        label: &str,
        product: &Product,
        answer: usize,
        memory: &Memory,
    ) -> Result<Option<Self>, MachineError> {
        let product = column_major(product, label)?;
        let address = |span: &Span| memory.locate(span).address;
        let addresses = Addresses {
            a: address(&product.a.span),
            b: address(&product.b.span),
            c: address(&product.c.span),
            d: address(&product.d.span),
        };
        let choice = Choice { product, addresses, answer };
        plan(handle, label, choice).map_err(library(label))
    }

    /// Puts the product behind what `stream` was given so far. `workspace` has [`WORKSPACE`] bytes.
    pub(super) fn start(
        &self,
        handle: &Handle,
        workspace: u64,
        stream: &CudaStream,
    ) -> Result<(), MachineError> {
        let alpha = 1.0_f32;
        let Self { layouts, addresses, .. } = self;
        // SAFETY: all descriptions are whole; the addresses are of the program's buffers, which live as
        // long as the machine, and `column_major` has compared the matrices with their spans. The
        // factors and the algorithm are copied before the call returns.
        #[expect(unsafe_code, reason = "cublasLt's own call")]
        let started = unsafe {
            matmul(
                handle.0,
                self.description.0,
                (&raw const alpha).cast(),
                (&raw const self.beta).cast(),
                addresses.a as *const _,
                layouts.a.0,
                addresses.b as *const _,
                layouts.b.0,
                addresses.c as *const _,
                layouts.d.0,
                addresses.d as *mut _,
                layouts.d.0,
                &raw const self.algorithm,
                workspace as *mut _,
                WORKSPACE,
                stream.cu_stream().cast(),
            )
        };
        started.map_err(library(self.label.as_str()))
    }
}

struct Choice {
    product: ColumnProduct,
    addresses: Addresses,
    /// The number of the heuristic's answer.
    answer: usize,
}

/// The plan, or none where there is no such answer.
fn plan(handle: &Handle, label: &str, choice: Choice) -> Result<Option<Planned>, CublasError> {
    let Choice { product, addresses, answer } = choice;
    let description =
        Description::new(product.arithmetic, product.transpose_a, product.transpose_b)?;
    let layouts = Layouts {
        a: Layout::new(&product.a)?,
        b: Layout::new(&product.b)?,
        d: Layout::new(&product.d)?,
    };
    let preference = preference(&addresses)?;
    let answers = answers(handle, &description, &layouts, &preference)?;
    Ok(answers.get(answer).map(|&algorithm| Planned {
        label: label.to_owned(),
        description,
        layouts,
        addresses,
        beta: product.beta,
        algorithm,
    }))
}

/// Sums of split products are kept in the type they are computed in, in the workspace.
fn preference(addresses: &Addresses) -> Result<Preference, CublasError> {
    let preference = Preference::new()?;
    let workspace = Preferred::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
    preference.set_bytes(workspace, WORKSPACE as u64)?;
    // "None" is no bit, and always allowed.
    let scheme = cublasLtReductionScheme_t::CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE as u32;
    preference.set_u32(Preferred::CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, scheme)?;
    for (attribute, address) in [
        (Preferred::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, addresses.a),
        (Preferred::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, addresses.b),
        (Preferred::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, addresses.c),
        (Preferred::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, addresses.d),
    ] {
        preference.set_u32(attribute, alignment(address))?;
    }
    Ok(preference)
}

/// The algorithms that can do it, the one that the heuristic holds for the fastest first.
fn answers(
    handle: &Handle,
    description: &Description,
    layouts: &Layouts,
    preference: &Preference,
) -> Result<Vec<cublasLtMatmulAlgo_t>, CublasError> {
    // SAFETY: the answers are plain numbers, for which zeros are values.
    #[expect(unsafe_code, reason = "cublasLt writes into memory of ours")]
    let mut answers: [cublasLtMatmulHeuristicResult_t; ANSWERS as usize] = unsafe { zeroed() };
    let mut count = 0;
    let (a, b, d) = (layouts.a.0, layouts.b.0, layouts.d.0);
    let place = answers.as_mut_ptr();
    // SAFETY: all descriptions are whole, and there is room for as many answers as are asked for.
    #[expect(unsafe_code, reason = "cublasLt's own call, of which the binding asks for one answer")]
    let result = unsafe {
        let (description, preference) = (description.0, preference.0);
        let count = &raw mut count;
        cublasLtMatmulAlgoGetHeuristic(
            handle.0,
            description,
            a,
            b,
            d,
            d,
            preference,
            ANSWERS,
            place,
            count,
        )
    };
    match result {
        cublasStatus_t::CUBLAS_STATUS_NOT_SUPPORTED => return Ok(Vec::new()),
        other => other.result()?,
    }
    let count = usize::try_from(count).unwrap_or_default();
    let usable = |answer: &&cublasLtMatmulHeuristicResult_t| {
        answer.state == cublasStatus_t::CUBLAS_STATUS_SUCCESS && answer.workspaceSize <= WORKSPACE
    };
    Ok(answers.iter().take(count).filter(usable).map(|answer| answer.algo).collect())
}
