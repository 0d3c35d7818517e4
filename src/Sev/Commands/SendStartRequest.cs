namespace KvmSevVmm.Sev.Commands;

/// <summary>Parameters of SEND_START: to whom the guest goes.</summary>
/// <param name="TargetPdh">The target's Diffie-Hellman certificate (PDH), 2084 bytes.</param>
/// <param name="PlatformChain">The target's PEK, OCA and CEK, 6252 bytes.</param>
/// <param name="AmdChain">AMD's ASK and ARK, one behind the other.</param>
public readonly record struct SendStartRequest(
    ReadOnlyMemory<byte> TargetPdh, ReadOnlyMemory<byte> PlatformChain, ReadOnlyMemory<byte> AmdChain);
