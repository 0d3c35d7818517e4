namespace KvmSevVmm.Vmm;

/// <summary>One vCPU at one moment.</summary>
/// <param name="Index">Its number.</param>
/// <param name="ThreadId">The kernel's number of its thread.</param>
/// <param name="ExitsByKind">Exits from KVM_RUN so far, by kind; kinds that never occurred are absent.</param>
public sealed record VcpuStatus(int Index, int ThreadId, IReadOnlyDictionary<string, ulong> ExitsByKind);
