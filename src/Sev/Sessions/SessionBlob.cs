namespace KvmSevVmm.Sev.Sessions;

/// <summary>
/// The session that a guest owner hands to LAUNCH_START: nonce[16] ‖ WRAP_TK[32] ‖ WRAP_IV[16] ‖ WRAP_MAC[32] ‖ POLICY_MAC[32].
/// Immutable.
/// </summary>
/// <remarks>Source: AMD SEV API 55766, LAUNCH_START session data.</remarks>
public sealed class SessionBlob
{
    /// <summary>Bytes of a session.</summary>
    public const int Size = 128;

    /// <summary>Bytes of the nonce and of the initialisation vector.</summary>
    public const int NonceSize = 16;

    private const int WrapTkOffset = 16;
    private const int WrapIvOffset = 48;
    private const int WrapMacOffset = 64;
    private const int PolicyMacOffset = 96;

    private readonly byte[] _bytes;

    private SessionBlob(byte[] bytes)
    {
        _bytes = bytes;
    }

    /// <summary>Makes the master secret of this session differ from every other's, 16 bytes.</summary>
    public ReadOnlySpan<byte> Nonce => _bytes.AsSpan(0, NonceSize);

    /// <summary>TEK and TIK, encrypted, 32 bytes.</summary>
    public ReadOnlySpan<byte> WrappedKeys => _bytes.AsSpan(WrapTkOffset, TransportKeys.CombinedSize);

    /// <summary>The counter block with which they are encrypted, 16 bytes.</summary>
    public ReadOnlySpan<byte> WrapIv => _bytes.AsSpan(WrapIvOffset, NonceSize);

    /// <summary>The keyed hash of the encrypted keys, 32 bytes.</summary>
    public ReadOnlySpan<byte> WrapMac => _bytes.AsSpan(WrapMacOffset, 32);

    /// <summary>The keyed hash of the policy, 32 bytes.</summary>
    public ReadOnlySpan<byte> PolicyMac => _bytes.AsSpan(PolicyMacOffset, 32);

    /// <summary>All 128 bytes.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Reads a session. Any 128 bytes are one; whether it is genuine only the platform can tell.</summary>
    /// <param name="bytes">The session, exactly 128 bytes.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <exception cref="SevFormatException">It has another size.</exception>
    public static SessionBlob Parse(ReadOnlySpan<byte> bytes, string input) => bytes.Length == Size
        ? new SessionBlob(bytes.ToArray())
        : throw new SevFormatException(input, "session", $"a session has {Size} bytes, not {bytes.Length}");

    /// <summary>Reads a session from a file: sevctl's <c>vm_session.b64</c>, sev-tool's <c>launch_blob.bin</c>, raw or base64.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">How the file held it.</param>
    /// <exception cref="SevFormatException">The file holds no session.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static SessionBlob Read(string path, out BlobEncoding encoding)
    {
        EncodedBlob blob = EncodedBlob.ReadFile(path, "session", Size);
        encoding = blob.Encoding;
        return Parse(blob.Bytes, path);
    }

    internal static SessionBlob Join(
        ReadOnlySpan<byte> nonce,
        ReadOnlySpan<byte> wrappedKeys,
        ReadOnlySpan<byte> wrapIv,
        ReadOnlySpan<byte> wrapMac,
        ReadOnlySpan<byte> policyMac) => new([.. nonce, .. wrappedKeys, .. wrapIv, .. wrapMac, .. policyMac]);
}
