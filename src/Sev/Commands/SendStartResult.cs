using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Commands;

/// <summary>What SEND_START returns: what the target needs for RECEIVE_START.</summary>
/// <param name="Policy">The guest's policy.</param>
/// <param name="Session">The transport keys, wrapped for the target: 128 bytes.</param>
public readonly record struct SendStartResult(SevPolicy Policy, ReadOnlyMemory<byte> Session);
