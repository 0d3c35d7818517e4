namespace KvmSevVmm.Vmm;

/// <summary>A network card of the guest. Exactly one of <paramref name="Tap"/> and <paramref name="SocketPath"/> is given.</summary>
/// <param name="Tap">Name of the tap interface that it is connected to, or null.</param>
/// <param name="SocketPath">Unix stream socket of a program that carries frames (passt, QEMU's -netdev stream), or null.</param>
/// <param name="Mac">Its address, 6 bytes; null takes a random one.</param>
public sealed record NetConfig(string? Tap, string? SocketPath, ReadOnlyMemory<byte>? Mac = null);
