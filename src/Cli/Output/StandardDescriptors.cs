using Microsoft.Win32.SafeHandles;

namespace KvmSevVmm.Cli.Output;

/// <summary>Makes sure that the descriptors 0, 1 and 2 are taken.</summary>
internal static class StandardDescriptors
{
    private const int LastStandard = 2;

    /// <summary>
    /// Fills those that the caller closed (<c>kvmsev … >&amp;-</c>) with /dev/null: otherwise the next file that is opened, a map or a disk,
    /// gets the number of stdout and the guest's console is written into it. Opened for reading only, so that a write to a closed stdout is
    /// still the error that it is for every other program.
    /// </summary>
    internal static void Fill()
    {
        while (true)
        {
            SafeFileHandle handle = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            if (handle.DangerousGetHandle() > LastStandard)
            {
                handle.Dispose();
                return;
            }

            // Stays open for as long as the process lives.
            handle.SetHandleAsInvalid();
        }
    }
}
