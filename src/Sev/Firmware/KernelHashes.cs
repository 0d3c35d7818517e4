using System.Security.Cryptography;
using System.Text;

namespace KvmSevVmm.Sev.Firmware;

/// <summary>What a guest is booted with, reduced to what the hash table needs of it. Immutable.</summary>
/// <param name="KernelHash">SHA-256 of the kernel file as it is handed to the guest, 32 bytes.</param>
/// <param name="InitrdHash">SHA-256 of the initrd, 32 bytes; null where there is none.</param>
/// <param name="CommandLine">The command line without its final NUL; empty where there is none.</param>
public sealed record KernelHashes(ReadOnlyMemory<byte> KernelHash, ReadOnlyMemory<byte>? InitrdHash, string CommandLine)
{
    /// <summary>Hashes what a guest is booted with.</summary>
    /// <param name="kernel">The kernel file, from its first byte.</param>
    /// <param name="initrd">The initrd, or null.</param>
    /// <param name="commandLine">The command line without its final NUL, or null.</param>
    /// <exception cref="IOException">A stream cannot be read.</exception>
    public static KernelHashes Compute(Stream kernel, Stream? initrd, string? commandLine) =>
        new(SHA256.HashData(kernel), initrd is null ? (ReadOnlyMemory<byte>?)null : SHA256.HashData(initrd), commandLine ?? string.Empty);

    /// <summary>Hashes the files that a guest is booted with.</summary>
    /// <param name="kernelPath">The kernel.</param>
    /// <param name="initrdPath">The initrd, or null.</param>
    /// <param name="commandLine">The command line without its final NUL, or null.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static KernelHashes Compute(string kernelPath, string? initrdPath, string? commandLine)
    {
        using FileStream kernel = File.OpenRead(kernelPath);
        using FileStream? initrd = initrdPath is null ? null : File.OpenRead(initrdPath);
        return Compute(kernel, initrd, commandLine);
    }

    /// <summary>The table that the firmware checks against: no initrd counts as an empty one, the command line ends with a NUL.</summary>
    public SevHashTable ToTable() => ToTable(withFinalNul: true);

    /// <summary>The table as monitors make it that forget the command line's final NUL.</summary>
    /// <param name="withFinalNul">True for the right table.</param>
    internal SevHashTable ToTable(bool withFinalNul)
    {
        byte[] commandLine = Encoding.UTF8.GetBytes(withFinalNul ? CommandLine + "\0" : CommandLine);
        ReadOnlySpan<byte> initrd = InitrdHash is { } hash ? hash.Span : SHA256.HashData([]);
        return new SevHashTable(SHA256.HashData(commandLine), initrd, KernelHash.Span);
    }
}
