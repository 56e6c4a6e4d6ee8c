//! Numbers for random tests that are the same for a seed.

/// Numbers that look random and are the same for a seed (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A program without the bytes that a field cannot hold. Small numbers are likelier: they are operations and handles.
    pub fn program(&mut self) -> Vec<u8> {
        let length = 1 + self.next() % 60;
        let byte = |numbers: &mut Numbers| {
            let n = numbers.next();
            let byte = match n % 4 {
                0 => (n >> 8) as u8,
                1 => 248 + (n >> 8) as u8 % 8,
                _ => (n >> 8) as u8 % 48,
            };
            if byte < 32 || byte == 127 {
                byte + 128
            } else {
                byte
            }
        };
        (0..length).map(|_| byte(self)).collect()
    }
}

impl Numbers {
    /// Any bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (self.next() >> 24) as u8).collect()
    }

    /// A number below this one.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}
