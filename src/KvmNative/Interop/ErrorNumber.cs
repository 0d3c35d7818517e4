namespace KvmSevVmm.KvmNative.Interop;

/// <summary>The error numbers that decide what this assembly does next; every other one is only reported. Linux, x86-64.</summary>
internal static class ErrorNumber
{
    /// <summary>EINTR.</summary>
    internal const int Interrupted = 4;

    /// <summary>E2BIG.</summary>
    internal const int ListTooLong = 7;

    /// <summary>EAGAIN.</summary>
    internal const int TryAgain = 11;

    /// <summary>EFAULT.</summary>
    internal const int BadAddress = 14;

    /// <summary>EINVAL.</summary>
    internal const int InvalidArgument = 22;

    /// <summary>EHWPOISON.</summary>
    internal const int HardwarePoison = 133;
}
