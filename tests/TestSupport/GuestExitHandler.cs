using KvmSevVmm.KvmNative;

namespace KvmSevVmm.TestSupport;

/// <summary>Answers one exit, on the vCPU's thread.</summary>
/// <param name="exit">The exit.</param>
/// <returns>Whether the guest runs on.</returns>
public delegate bool GuestExitHandler(VcpuExit exit);
