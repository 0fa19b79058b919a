/**
 * The fingerprint of RSA keys that a flawed library of a smart-card maker made (ROCA, CVE-2017-15361): their private keys
 * can be computed from the public ones.
 *
 * Source: Nemec, Sys, Svenda, Klinec, Matyas: "The Return of Coppersmith's Attack", CCS 2017. Such primes are
 * `k · M + (65537^a mod M)` with `M` the product of the first primes, 39 of them or more; so modulo each of these primes the
 * modulus is a power of 65537. A good key looks like that with a chance of about 2^-27.
 */
const GENERATOR = 65537;

const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107,
  109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/**
 * Whether an RSA modulus bears the fingerprint of a flawed generator.
 *
 * @param modulus - `n` of the public key
 */
export function hasRocaFingerprint(modulus: bigint): boolean {
  return PRIMES.every((prime) => isPowerOfGenerator(Number(modulus % BigInt(prime)), prime));
}

function isPowerOfGenerator(residue: number, prime: number): boolean {
  let power = 1;
  do {
    if (power === residue) return true;
    power = (power * GENERATOR) % prime;
  } while (power !== 1);
  return false;
}
