using KvmSevVmm.KvmNative;

namespace KvmSevVmm.TestSupport;

/// <summary>Whether this machine can run the tests that need KVM.</summary>
public static class KvmHost
{
    private static readonly Lazy<string?> Reason = new(Probe);

    /// <summary>Why not; null if it can.</summary>
    public static string? SkipReason => Reason.Value;

    private static string? Probe()
    {
        try
        {
            using KvmDevice kvm = KvmDevice.Open();
            using KvmVm vm = kvm.CreateVm();
            return null;
        }
        catch (Exception e) when (e is IOException or PlatformNotSupportedException)
        {
            return e.Message;
        }
    }
}
