using System.Security.Cryptography;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Sev.Sessions;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads an owner's keys: sevctl's two files, or sev-tool's one.</summary>
internal static class TransportKeyFiles
{
    /// <summary>Reads both keys from one file, TEK then TIK.</summary>
    /// <param name="option">The option that named it.</param>
    /// <param name="path">The file, raw or base64.</param>
    internal static TransportKeys ReadBoth(string option, string path)
    {
        byte[] keys = InputBlob.Read(option, path, "TEK and TIK", TransportKeys.CombinedSize).Bytes;
        return Take(keys.AsSpan(0, TransportKeys.KeySize), keys.AsSpan(TransportKeys.KeySize));
    }

    /// <summary>Reads the keys from a file each.</summary>
    /// <param name="tekOption">The option that named the first.</param>
    /// <param name="tekPath">The file with the TEK.</param>
    /// <param name="tikOption">The option that named the second.</param>
    /// <param name="tikPath">The file with the TIK.</param>
    internal static TransportKeys Read(string tekOption, string tekPath, string tikOption, string tikPath) => Take(
        InputBlob.Read(tekOption, tekPath, "TEK", TransportKeys.KeySize).Bytes,
        InputBlob.Read(tikOption, tikPath, "TIK", TransportKeys.KeySize).Bytes);

    /// <summary>Reads the TIK alone, where nothing is encrypted: the TEK is zeros.</summary>
    /// <param name="option">The option that named it.</param>
    /// <param name="path">The file with the TIK.</param>
    internal static TransportKeys ReadTik(string option, string path) =>
        Take(new byte[TransportKeys.KeySize], InputBlob.Read(option, path, "TIK", TransportKeys.KeySize).Bytes);

    private static TransportKeys Take(Span<byte> tek, Span<byte> tik)
    {
        TransportKeys keys = new(tek, tik);
        CryptographicOperations.ZeroMemory(tek);
        CryptographicOperations.ZeroMemory(tik);
        return keys;
    }
}
