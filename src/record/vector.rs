//! Vectors as the knowledge base keeps them: unit length, in integers.

use std::rc::{Rc, Weak};

use smolrag_kernels::rows;

use super::{Error, Result};

/// A vector of length one (or zero, for a text that the model says nothing about), each component
/// as a multiple of 1/32767.
///
/// Integers make a sum of vectors exact whatever its order, so that what a document added can be
/// taken away again without a trace. The rounding moves a cosine by about 1e-5.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitVector(Rc<[i16]>);

impl UnitVector {
    /// The integer that stands for 1.
    pub const ONE: f32 = 32767.0;

    /// Scales to unit length and rounds. Refuses what is not finite; keeps a zero vector zero.
    pub fn from_f32(values: &[f32]) -> Result<Self> {
        let refusal =
            || Error::provider("the embedding holds NaN or infinity; check the embedding model");
        rows::unit(values, f64::from(Self::ONE)).map(UnitVector).ok_or_else(refusal)
    }

    /// The unit vector along an exact sum of unit vectors.
    pub fn from_sum(sum: &[i64]) -> Self {
        UnitVector(rows::unit_of_sum(sum, f64::from(Self::ONE)))
    }

    /// Takes components that are already in this form, as read from storage.
    pub fn from_raw(values: &[i16]) -> Self {
        UnitVector(values.into())
    }

    /// A vector that is similar to nothing.
    pub fn zero(dimensions: usize) -> Self {
        UnitVector(vec![0; dimensions].into())
    }

    /// The components, in multiples of 1/32767.
    pub fn raw(&self) -> &[i16] {
        &self.0
    }

    /// The same, without holding it.
    pub fn downgrade(&self) -> WeakUnitVector {
        WeakUnitVector(Rc::downgrade(&self.0))
    }

    /// How many components there are.
    pub fn dimensions(&self) -> usize {
        self.0.len()
    }

    /// The length, one but for rounding where it was made by this type.
    pub fn length(&self) -> f64 {
        (rows::squares_of_16(&self.0) as f64).sqrt() / f64::from(Self::ONE)
    }

    /// Whether the vector is similar to nothing.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|&v| v == 0)
    }
}

/// A vector that may be gone.
#[derive(Clone, Debug)]
pub struct WeakUnitVector(Weak<[i16]>);

impl WeakUnitVector {
    /// The vector, if somebody holds it.
    pub fn upgrade(&self) -> Option<UnitVector> {
        self.0.upgrade().map(UnitVector)
    }

    /// Whether somebody holds the vector.
    pub fn is_held(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl std::fmt::Debug for UnitVector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UnitVector({} dimensions)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Code;

    #[test]
    fn scales_to_unit_length() {
        let vector = UnitVector::from_f32(&[3.0, 4.0]).unwrap();
        assert_eq!(vector.raw(), [19660, 26214]);
    }

    #[test]
    fn zero_stays_zero_and_extremes_neither_overflow_nor_vanish() {
        assert!(UnitVector::from_f32(&[0.0, 0.0]).unwrap().is_zero());
        assert_eq!(UnitVector::from_f32(&[f32::MAX, 0.0]).unwrap().raw(), [32767, 0]);
        assert_eq!(UnitVector::from_f32(&[1e-38, 0.0]).unwrap().raw(), [32767, 0]);
    }

    #[test]
    fn refuses_what_is_not_finite() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(UnitVector::from_f32(&[1.0, bad]).unwrap_err().code, Code::Provider);
        }
    }

    #[test]
    fn a_sum_of_one_is_the_vector_itself() {
        let vector = UnitVector::from_f32(&[0.6, -0.8, 0.0]).unwrap();
        let sum: Vec<i64> = vector.raw().iter().map(|&v| i64::from(v)).collect();
        assert_eq!(UnitVector::from_sum(&sum), vector);
    }
}
