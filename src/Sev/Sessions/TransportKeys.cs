using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Sessions;

/// <summary>
/// The two keys that a guest owner shares with one launch of one guest: TEK encrypts secrets for it, TIK proves that a message comes
/// from the owner or the firmware. Disposing wipes them.
/// </summary>
/// <remarks>Source: AMD SEV API 55766, trusted channel.</remarks>
public sealed class TransportKeys : IDisposable
{
    /// <summary>Bytes of each key.</summary>
    public const int KeySize = 16;

    /// <summary>Bytes of TEK and TIK one after the other: sev-tool's <c>tmp_tk.bin</c>.</summary>
    public const int CombinedSize = 2 * KeySize;

    private readonly byte[] _keys;
    private bool _isDisposed;

    /// <summary>Takes copies of two keys.</summary>
    /// <param name="tek">The transport encryption key, 16 bytes.</param>
    /// <param name="tik">The transport integrity key, 16 bytes.</param>
    /// <exception cref="ArgumentException">A key has another length.</exception>
    public TransportKeys(ReadOnlySpan<byte> tek, ReadOnlySpan<byte> tik)
    {
        if (tek.Length != KeySize || tik.Length != KeySize)
        {
            throw new ArgumentException($"TEK and TIK have {KeySize} bytes, not {tek.Length} and {tik.Length}", nameof(tek));
        }

        _keys = [.. tek, .. tik];
    }

    /// <summary>The transport encryption key, 16 bytes.</summary>
    /// <exception cref="ObjectDisposedException">The keys are wiped.</exception>
    public ReadOnlySpan<byte> Tek => Combined[..KeySize];

    /// <summary>The transport integrity key, 16 bytes.</summary>
    /// <exception cref="ObjectDisposedException">The keys are wiped.</exception>
    public ReadOnlySpan<byte> Tik => Combined[KeySize..];

    /// <summary>TEK then TIK, 32 bytes.</summary>
    /// <exception cref="ObjectDisposedException">The keys are wiped.</exception>
    public ReadOnlySpan<byte> Combined
    {
        get
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return _keys;
        }
    }

    /// <summary>Draws two new keys.</summary>
    /// <param name="random">Where they come from.</param>
    public static TransportKeys Create(IRandomSource random)
    {
        Span<byte> keys = stackalloc byte[CombinedSize];
        random.Fill(keys);
        TransportKeys made = new(keys[..KeySize], keys[KeySize..]);
        CryptographicOperations.ZeroMemory(keys);
        return made;
    }

    /// <summary>Reads the two files that sevctl makes, <c>vm_tek.bin</c> and <c>vm_tik.bin</c>, 16 bytes each, raw or base64.</summary>
    /// <param name="tekPath">The file with the TEK.</param>
    /// <param name="tikPath">The file with the TIK.</param>
    /// <exception cref="SevFormatException">A file holds no key.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static TransportKeys Read(string tekPath, string tikPath)
    {
        byte[] tek = EncodedBlob.ReadFile(tekPath, "TEK", KeySize).Bytes;
        byte[] tik = EncodedBlob.ReadFile(tikPath, "TIK", KeySize).Bytes;
        TransportKeys keys = new(tek, tik);
        CryptographicOperations.ZeroMemory(tek);
        CryptographicOperations.ZeroMemory(tik);
        return keys;
    }

    /// <summary>Reads the one file that sev-tool makes, <c>tmp_tk.bin</c>, TEK then TIK, raw or base64.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SevFormatException">The file holds no keys.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static TransportKeys ReadCombined(string path)
    {
        byte[] keys = EncodedBlob.ReadFile(path, "TEK and TIK", CombinedSize).Bytes;
        TransportKeys made = new(keys.AsSpan(0, KeySize), keys.AsSpan(KeySize));
        CryptographicOperations.ZeroMemory(keys);
        return made;
    }

    /// <summary>Compares with other keys in a time that does not depend on where they differ.</summary>
    /// <param name="other">The other keys.</param>
    public bool HasSameKeys(TransportKeys other) => CryptographicOperations.FixedTimeEquals(Combined, other.Combined);

    /// <summary>Wipes the keys.</summary>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_keys);
        _isDisposed = true;
    }
}
