namespace KvmSevVmm.Vmm;

/// <summary>The guest's socket device.</summary>
/// <param name="Cid">The guest's context id; from 3 on.</param>
/// <param name="SocketPath">Unix socket where the host's programs connect; the guest's connections go to this path and "_PORT".</param>
public sealed record VsockConfig(uint Cid, string SocketPath);
