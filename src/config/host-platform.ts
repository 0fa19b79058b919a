import type { Platform } from '../types.ts';

/** The platform of this process; `libc` on Linux only. */
export function hostPlatform(): Platform {
  const { platform: os, arch } = process;
  if (os !== 'linux') return { os, arch };
  // Without it the report looks up host names, which may take seconds.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return { os, arch, libc: header.glibcVersionRuntime === undefined ? 'musl' : 'glibc' };
}
