using System.Runtime.InteropServices;

namespace KvmSevVmm.Sev;

/// <summary>Asks for the OpenSSL libraries before the first hash is computed.</summary>
/// <remarks>
/// .NET on Linux loads libssl at the first use of a hash, a cipher or a key, and aborts the process (SIGABRT, cannot be caught) when
/// there is none. So every program asks here first and ends with a proper message instead.
/// </remarks>
public static class CryptoSupport
{
    // What .NET reads, new name and old.
    private static readonly string[] OverrideVariables = ["DOTNET_OPENSSL_VERSION_OVERRIDE", "CLR_OPENSSL_VERSION_OVERRIDE"];

    // The names .NET itself tries, newest first.
    private static readonly string[] Candidates = ["libssl.so.3", "libssl.so.1.1"];

    /// <summary>Makes sure that the cryptography of the BCL works in this process.</summary>
    /// <exception cref="CryptoUnavailableException">No usable libssl is installed.</exception>
    public static void EnsureAvailable()
    {
        if (OperatingSystem.IsLinux())
        {
            string? versionOverride = OverrideVariables
                .Select(Environment.GetEnvironmentVariable)
                .FirstOrDefault(value => value is not null);
            EnsureAvailable(Candidates, versionOverride);
        }
    }

    /// <summary>Makes sure that one of the named libraries can be loaded.</summary>
    /// <param name="names">The file names to try, in order.</param>
    /// <param name="versionOverride">The library version that the user demands through the environment, or null.</param>
    /// <exception cref="CryptoUnavailableException">None of them is installed.</exception>
    internal static void EnsureAvailable(IReadOnlyList<string> names, string? versionOverride)
    {
        if (!string.IsNullOrEmpty(versionOverride) && NativeLibrary.TryLoad($"libssl.so.{versionOverride}", out _))
        {
            return;
        }

        foreach (string name in names)
        {
            // The handle is kept: the runtime is about to load the same library for good.
            if (NativeLibrary.TryLoad(name, out _))
            {
                return;
            }
        }

        throw new CryptoUnavailableException(names[0], "Install OpenSSL's libraries (Debian and Ubuntu: apt-get install libssl3).");
    }
}
