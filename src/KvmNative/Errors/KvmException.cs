namespace KvmSevVmm.KvmNative.Errors;

/// <summary>A system call failed. Provisional until the branch with the real one is merged.</summary>
public class KvmException : IOException
{
    private KvmException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="call">The call.</param>
    /// <param name="errno">The error number.</param>
    public static KvmException FromErrno(string call, int errno) => new($"{call} failed: {errno}.");
}
