using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Commands;

/// <summary>Parameters of RECEIVE_START: from whom the guest comes.</summary>
/// <param name="Policy">The guest's policy, as SEND_START returned it.</param>
/// <param name="SourcePdh">The source's Diffie-Hellman certificate (PDH), 2084 bytes.</param>
/// <param name="Session">The session, as SEND_START returned it: 128 bytes.</param>
public readonly record struct ReceiveStartRequest(SevPolicy Policy, ReadOnlyMemory<byte> SourcePdh, ReadOnlyMemory<byte> Session);
