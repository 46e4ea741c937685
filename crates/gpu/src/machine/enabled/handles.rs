//! Descriptions that cublasLt makes, each given back once.

use std::ffi::c_void;

use candle_core::cuda_backend::cudarc::cublas::sys::cublasOperation_t;
use candle_core::cuda_backend::cudarc::cublaslt::result::{self, CublasError};
use candle_core::cuda_backend::cudarc::cublaslt::sys::{
    cublasComputeType_t as ComputeType, cublasLtHandle_t, cublasLtMatmulDesc_t,
    cublasLtMatmulDescAttributes_t as Attribute, cublasLtMatmulPreference_t,
    cublasLtMatmulPreferenceAttributes_t as Preferred, cublasLtMatrixLayout_t,
    cudaDataType_t as DataType,
};
use lockstep_program::{Arithmetic, Element};

use super::super::columns::Columns;

/// The library, opened.
pub(super) struct Handle(pub(super) cublasLtHandle_t);

/// Which operation a product is.
pub(super) struct Description(pub(super) cublasLtMatmulDesc_t);

/// How a matrix lies.
pub(super) struct Layout(pub(super) cublasLtMatrixLayout_t);

/// What is asked of an algorithm.
pub(super) struct Preference(pub(super) cublasLtMatmulPreference_t);

impl Handle {
    /// Opens the library in this thread's context.
    pub(super) fn new() -> Result<Self, CublasError> {
        result::create_handle().map(Self)
    }
}

impl Description {
    /// A product of factors that are transposed or not.
    pub(super) fn new(
        arithmetic: Arithmetic,
        transpose_a: bool,
        transpose_b: bool,
    ) -> Result<Self, CublasError> {
        let compute = match arithmetic {
            Arithmetic::F32 | Arithmetic::Bf16 => ComputeType::CUBLAS_COMPUTE_32F,
            Arithmetic::Tf32 => ComputeType::CUBLAS_COMPUTE_32F_FAST_TF32,
        };
        let description = Self(result::create_matmul_desc(compute, DataType::CUDA_R_32F)?);
        description.transpose(Attribute::CUBLASLT_MATMUL_DESC_TRANSA, transpose_a)?;
        description.transpose(Attribute::CUBLASLT_MATMUL_DESC_TRANSB, transpose_b)?;
        Ok(description)
    }

    fn transpose(&self, attribute: Attribute, transposes: bool) -> Result<(), CublasError> {
        let operation = if transposes {
            cublasOperation_t::CUBLAS_OP_T
        } else {
            cublasOperation_t::CUBLAS_OP_N
        };
        let (value, bytes) = ((&raw const operation).cast(), size_of_val(&operation));
        // SAFETY: the description is whole; the value is of the attribute's type, and copied.
        #[expect(unsafe_code, reason = "cublasLt's own call")]
        unsafe {
            result::set_matmul_desc_attribute(self.0, attribute, value, bytes)
        }
    }
}

impl Layout {
    /// That of `matrix`.
    pub(super) fn new(matrix: &Columns) -> Result<Self, CublasError> {
        let kind = match matrix.element {
            Element::F32 => DataType::CUDA_R_32F,
            Element::Bf16 => DataType::CUDA_R_16BF,
        };
        let leading = i64::try_from(matrix.leading).unwrap_or(i64::MAX);
        let (rows, columns) = (matrix.rows as u64, matrix.columns as u64);
        result::create_matrix_layout(kind, rows, columns, leading).map(Self)
    }
}

impl Preference {
    /// None so far.
    pub(super) fn new() -> Result<Self, CublasError> {
        result::create_matmul_pref().map(Self)
    }

    /// One attribute of 4 bytes.
    pub(super) fn set_u32(&self, attribute: Preferred, value: u32) -> Result<(), CublasError> {
        self.set(attribute, (&raw const value).cast(), size_of_val(&value))
    }

    /// One attribute of 8 bytes.
    pub(super) fn set_bytes(&self, attribute: Preferred, value: u64) -> Result<(), CublasError> {
        self.set(attribute, (&raw const value).cast(), size_of_val(&value))
    }

    fn set(
        &self,
        attribute: Preferred,
        value: *const c_void,
        bytes: usize,
    ) -> Result<(), CublasError> {
        // SAFETY: the preference is whole; the caller's value outlives the call, which copies it, and
        // refuses another size than the attribute's.
        #[expect(unsafe_code, reason = "cublasLt's own call")]
        unsafe {
            result::set_matmul_pref_attribute(self.0, attribute, value, bytes)
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: nothing else has it.
        #[expect(unsafe_code, reason = "cublasLt's own call")]
        let _ = unsafe { result::destroy_handle(self.0) };
    }
}

impl Drop for Description {
    fn drop(&mut self) {
        // SAFETY: nothing else has it.
        #[expect(unsafe_code, reason = "cublasLt's own call")]
        let _ = unsafe { result::destroy_matmul_desc(self.0) };
    }
}

impl Drop for Layout {
    fn drop(&mut self) {
        // SAFETY: nothing else has it.
        #[expect(unsafe_code, reason = "cublasLt's own call")]
        let _ = unsafe { result::destroy_matrix_layout(self.0) };
    }
}

impl Drop for Preference {
    fn drop(&mut self) {
        // SAFETY: nothing else has it.
        #[expect(unsafe_code, reason = "cublasLt's own call")]
        let _ = unsafe { result::destroy_matmul_pref(self.0) };
    }
}
