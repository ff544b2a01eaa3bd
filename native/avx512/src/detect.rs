//! Whether this processor can run the kernels.

/// The instruction set extensions that the kernels are compiled for.
pub const REQUIRED: [&str; 4] = ["avx512f", "avx512bw", "avx512ifma", "avx512vbmi2"];

/// Whether this build emulates the instructions (the feature `emulate`): kernels run everywhere, and slowly.
pub const EMULATED: bool = cfg!(feature = "emulate");

/// Whether the kernels can run on this processor.
pub fn available() -> bool {
    missing().is_empty()
}

/// Why the kernels cannot run here, in words for a person; `None` where they can.
pub fn unavailable_reason() -> Option<String> {
    if cfg!(not(target_arch = "x86_64")) {
        return Some(format!("needs an x86-64 processor, this is {}", std::env::consts::ARCH));
    }
    let missing = missing();
    (!missing.is_empty()).then(|| format!("the processor lacks {}", missing.join(", ")))
}

#[cfg(target_arch = "x86_64")]
fn missing() -> Vec<&'static str> {
    if EMULATED {
        return Vec::new();
    }
    let found = [
        is_x86_feature_detected!("avx512f"),
        is_x86_feature_detected!("avx512bw"),
        is_x86_feature_detected!("avx512ifma"),
        is_x86_feature_detected!("avx512vbmi2"),
    ];
    REQUIRED.iter().zip(found).filter(|(_, found)| !found).map(|(&name, _)| name).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn missing() -> Vec<&'static str> {
    REQUIRED.to_vec()
}

/// Panics unless the kernels can run. The gate in front of every call into code compiled for AVX-512.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn require() {
    let found = EMULATED
        || is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512ifma")
            && is_x86_feature_detected!("avx512vbmi2");
    assert!(found, "AVX-512 kernels called where `available()` is false");
}
