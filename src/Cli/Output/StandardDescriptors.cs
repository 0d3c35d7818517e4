using Microsoft.Win32.SafeHandles;

namespace KvmSevVmm.Cli.Output;

/// <summary>Makes sure that the descriptors 0, 1 and 2 are taken.</summary>
internal static class StandardDescriptors
{
    private const int StandardOutput = 1;
    private const int LastStandard = 2;

    /// <summary>
    /// Fills those that the caller closed (<c>kvmsev … >&amp;-</c>) with /dev/null: otherwise the next file that is opened, a map or a
    /// disk, gets the number of stdout and the guest's console is written into it. Stdout is filled for reading only: writing to it stays
    /// the error that it is for every other program. (A number that the runtime took for itself before Main is not free, and is left to
    /// it.)
    /// </summary>
    internal static void Fill()
    {
        while (true)
        {
            SafeFileHandle handle = Open(FileAccess.ReadWrite);
            if (handle.DangerousGetHandle() == StandardOutput)
            {
                // The lowest free number is given out again.
                handle.Dispose();
                handle = Open(FileAccess.Read);
            }

            if (handle.DangerousGetHandle() > LastStandard)
            {
                handle.Dispose();
                return;
            }

            // Stays open for as long as the process lives.
            handle.SetHandleAsInvalid();
        }
    }

    private static SafeFileHandle Open(FileAccess access) => File.OpenHandle("/dev/null", FileMode.Open, access, FileShare.ReadWrite);
}
