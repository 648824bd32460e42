/** Eigenvalues and eigenvectors of a small symmetric matrix by Jacobi's rotations (Golub and Van Loan, section 8.5). */

import { f64 } from '../at.js';

/** A = Σ_k values[k] · v_k·v_kᵀ. */
export interface Eigen {
  /** Eigenvalues, descending, length n. */
  readonly values: Float64Array;
  /** Orthonormal eigenvectors: row k, of n entries, belongs to values[k]. */
  readonly vectors: Float64Array;
}

const maxSweeps = 60;

/**
 * Decomposes a symmetric matrix. The order of operations is fixed, so equal matrices give bitwise equal results.
 *
 * @param matrix n×n row-major; not changed
 */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  const a = Float64Array.from(matrix);
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  for (let sweep = 0; sweep < maxSweeps; sweep++) {
    let rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        const off = f64(a, p * n + q);
        const bound = Math.sqrt(Math.abs(f64(a, p * n + p))) * Math.sqrt(Math.abs(f64(a, q * n + q)));
        if (Math.abs(off) <= Number.EPSILON * bound || off === 0) continue;
        rotate(a, v, n, p, q);
        rotated = true;
      }
    }
    if (!rotated) break;
  }
  const order = Array.from({ length: n }, (_, k) => k).sort((x, y) => f64(a, y * n + y) - f64(a, x * n + x) || x - y);
  return {
    values: Float64Array.from(order, (k) => f64(a, k * n + k)),
    vectors: Float64Array.from(order.flatMap((k) => Array.from(v.subarray(k * n, (k + 1) * n)))),
  };
}

/** One rotation that makes the entry (p, q) zero. Rows of v are the eigenvectors. */
function rotate(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const [app, aqq, apq] = [f64(a, p * n + p), f64(a, q * n + q), f64(a, p * n + q)];
  const theta = (aqq - app) / (2 * apq);
  const t = Number.isFinite(theta * theta)
    ? (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
    : 1 / (2 * theta);
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < n; k++) {
    if (k !== p && k !== q) {
      const [kp, kq] = [f64(a, k * n + p), f64(a, k * n + q)];
      const [newP, newQ] = [c * kp - s * kq, s * kp + c * kq];
      a[k * n + p] = newP;
      a[p * n + k] = newP;
      a[k * n + q] = newQ;
      a[q * n + k] = newQ;
    }
    const [vp, vq] = [f64(v, p * n + k), f64(v, q * n + k)];
    v[p * n + k] = c * vp - s * vq;
    v[q * n + k] = s * vp + c * vq;
  }
  a[p * n + p] = app - t * apq;
  a[q * n + q] = aqq + t * apq;
  a[p * n + q] = 0;
  a[q * n + p] = 0;
}
