using System.Security.Cryptography;
using System.Text;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Sessions;

/// <summary>
/// Everything a guest owner makes for one launch: the Diffie-Hellman certificate (GODH) and the session for the host, and the transport
/// keys, which stay with the owner. Disposing wipes the keys.
/// </summary>
public sealed class LaunchSession : IDisposable
{
    private LaunchSession(SevCertificate godh, SessionBlob session, TransportKeys keys, SevPolicy policy)
    {
        Godh = godh;
        Session = session;
        Keys = keys;
        Policy = policy;
    }

    /// <summary>The owner's Diffie-Hellman certificate, unsigned: the firmware does not look at its signature.</summary>
    public SevCertificate Godh { get; }

    /// <summary>The session.</summary>
    public SessionBlob Session { get; }

    /// <summary>The transport keys.</summary>
    public TransportKeys Keys { get; }

    /// <summary>The policy that the session is bound to.</summary>
    public SevPolicy Policy { get; }

    /// <summary>
    /// Makes a session for one platform. Verify the platform's certificate chain first: whoever holds the PDH's private key gets the keys.
    /// </summary>
    /// <param name="pdh">The platform's PDH.</param>
    /// <param name="policy">The guest's policy.</param>
    /// <param name="random">Where keys, nonce and counter block come from.</param>
    /// <exception cref="SevFormatException">The certificate is no PDH, or its key is no point on its curve.</exception>
    public static LaunchSession Create(SevCertificate pdh, SevPolicy policy, IRandomSource random)
    {
        TransportKeys keys = TransportKeys.Create(random);
        try
        {
            return Create(pdh, policy, keys, random);
        }
        catch
        {
            keys.Dispose();
            throw;
        }
    }

    /// <summary>Makes a session for one platform with given transport keys.</summary>
    /// <param name="pdh">The platform's PDH.</param>
    /// <param name="policy">The guest's policy.</param>
    /// <param name="keys">The transport keys; the session owns them from here on.</param>
    /// <param name="random">Where the Diffie-Hellman key, nonce and counter block come from.</param>
    /// <exception cref="SevFormatException">The certificate is no PDH, or its key is no point on its curve.</exception>
    public static LaunchSession Create(SevCertificate pdh, SevPolicy policy, TransportKeys keys, IRandomSource random)
    {
        if (pdh.Usage != SevKeyUsage.Pdh || pdh.Algorithm is not (SevKeyAlgorithm.EcdhSha256 or SevKeyAlgorithm.EcdhSha384))
        {
            throw new SevFormatException("PDH", "pub_key_usage", $"a {pdh.Usage.ToName()} with {pdh.Algorithm.ToName()} is no PDH");
        }

        ECParameters platformKey = pdh.GetEcPublicKey();
        if (!AmdEcKey.IsOnCurve(platformKey))
        {
            throw new SevFormatException("PDH", "pub_key", "the key is no point on its curve");
        }

        ECParameters pair = EcKeyGenerator.Create(platformKey.Curve, random);
        try
        {
            using ECDiffieHellman ownKey = ECDiffieHellman.Create(pair);
            SessionBlob session = CreateSession(ownKey, platformKey, keys, policy, random);
            SevCertificate godh = SevCertificate.Create(
                SevKeyUsage.Pdh,
                SevKeyAlgorithm.EcdhSha256,
                pair,
                pdh.ApiMajor,
                pdh.ApiMinor);
            return new LaunchSession(godh, session, keys, policy);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pair.D);
        }
    }

    /// <summary>
    /// Wraps transport keys for the holder of another Diffie-Hellman key: the common part of an owner's session and of SEND_START.
    /// </summary>
    /// <param name="ownKey">One's own private key.</param>
    /// <param name="otherKey">The receiver's public key, on the same curve.</param>
    /// <param name="keys">The transport keys.</param>
    /// <param name="policy">The guest's policy.</param>
    /// <param name="random">Where nonce and counter block come from, in this order.</param>
    public static SessionBlob CreateSession(
        ECDiffieHellman ownKey,
        in ECParameters otherKey,
        TransportKeys keys,
        SevPolicy policy,
        IRandomSource random)
    {
        Span<byte> nonce = stackalloc byte[SessionBlob.NonceSize];
        Span<byte> wrapIv = stackalloc byte[SessionBlob.NonceSize];
        random.Fill(nonce);
        random.Fill(wrapIv);
        using SessionSecrets secrets = SessionSecrets.Agree(ownKey, otherKey, nonce);
        return secrets.Wrap(keys, nonce, wrapIv, policy.Value);
    }

    /// <summary>
    /// Writes the four files that sevctl makes, readable by the user alone: <c>PREFIX_tek.bin</c> and <c>PREFIX_tik.bin</c> (raw, for
    /// the owner), <c>PREFIX_godh.b64</c> and <c>PREFIX_session.b64</c> (base64, for the host); or the last two raw, as
    /// <c>PREFIX_godh.cert</c> and <c>PREFIX_session.bin</c>.
    /// </summary>
    /// <param name="prefix">The path up to the underscore; sevctl takes <c>vm</c>.</param>
    /// <param name="overwrite">Whether files of these names are replaced.</param>
    /// <param name="encoding">How the host's two files are written.</param>
    /// <returns>The files' paths, in the order tek, tik, godh, session.</returns>
    /// <exception cref="IOException">A file exists or cannot be written; no file is left half written.</exception>
    public IReadOnlyList<string> Save(string prefix, bool overwrite = false, BlobEncoding encoding = BlobEncoding.Base64)
    {
        (string godh, string session) = GetHostPaths(prefix, encoding);
        (string Path, byte[] Content)[] files =
        [
            ($"{prefix}_tek.bin", Keys.Tek.ToArray()),
            ($"{prefix}_tik.bin", Keys.Tik.ToArray()),
            (godh, Encode(Godh.Bytes, encoding)),
            (session, Encode(Session.Bytes, encoding)),
        ];
        foreach ((string path, byte[] _) in files)
        {
            if (!overwrite && File.Exists(path))
            {
                throw new IOException($"{path} exists");
            }
        }

        foreach ((string path, byte[] content) in files)
        {
            WritePrivate(path, content);
        }

        return [.. files.Select(file => file.Path)];
    }

    /// <summary>The paths that <see cref="Save"/> writes to, in its order.</summary>
    /// <param name="prefix">The path up to the underscore.</param>
    /// <param name="encoding">How the host's two files are written.</param>
    public static IReadOnlyList<string> GetPaths(string prefix, BlobEncoding encoding = BlobEncoding.Base64)
    {
        (string godh, string session) = GetHostPaths(prefix, encoding);
        return [$"{prefix}_tek.bin", $"{prefix}_tik.bin", godh, session];
    }

    /// <summary>Wipes the transport keys.</summary>
    public void Dispose() => Keys.Dispose();

    private static (string Godh, string Session) GetHostPaths(string prefix, BlobEncoding encoding) => encoding == BlobEncoding.Base64
        ? ($"{prefix}_godh.b64", $"{prefix}_session.b64")
        : ($"{prefix}_godh.cert", $"{prefix}_session.bin");

    private static byte[] Encode(ReadOnlySpan<byte> bytes, BlobEncoding encoding) =>
        encoding == BlobEncoding.Base64 ? Encoding.ASCII.GetBytes(EncodedBlob.ToBase64(bytes)) : bytes.ToArray();

    // Written beside and moved into place: the old file stays until the new one is whole, and no one else ever could read it.
    private static void WritePrivate(string path, byte[] content)
    {
        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            using (FileStream stream = new(temporary, options))
            {
                stream.Write(content);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }
}
