namespace KvmSevVmm.KvmNative.Errors;

/// <summary>A SEV command failed. Provisional until the branch with the real one is merged.</summary>
public class SevCommandException : IOException
{
    private SevCommandException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="id">The command.</param>
    /// <param name="errno">The error number.</param>
    /// <param name="error">The firmware's error.</param>
    public static SevCommandException FromErrno(string id, int errno, uint error) => new($"{id} failed: {errno}, {error}.");
}
